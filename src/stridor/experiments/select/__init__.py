"""`make select`: ways to score, ranked by injected faults instead of labels."""
