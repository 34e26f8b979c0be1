"""Shared by all tests; being here, it makes `from kit import kit` work."""

import os

# Tiny networks gain nothing from more threads, and threads of tests side by side wait for each other.
# Set before torch is imported, and inherited by the processes that tests start.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DVC_NO_ANALYTICS"] = "1"

# After the variables: this imports torch.
from mlflow_project import empty_database, project

__all__ = ["empty_database", "project"]
