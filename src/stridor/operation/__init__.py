"""A detector in operation: new machines (enrolment), changes of its bank, watching a folder, and drift."""
