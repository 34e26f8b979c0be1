"""Shared by all tests; being here, it makes `from kit import kit` work."""

import os
import signal

# Tiny networks gain nothing from more threads, and threads of tests side by side wait for each other.
# Set before torch is imported, and inherited by the processes that tests start.
os.environ["OMP_NUM_THREADS"] = os.environ.get("STRIDOR_TEST_THREADS", "1")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DVC_NO_ANALYTICS"] = "1"

# Tests are not about the projects, stores and repositories that the shell is at work on: a hook of git names its own.
for name in list(os.environ):
    if name.startswith(("GIT_", "OPTUNA_")) or name in (
        "DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI",
        "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME",
    ):  # fmt: skip
        del os.environ[name]

# A shell has what it runs in the background ignore Ctrl-C, and its children inherit that; tests press it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# After the variables: this imports torch.
from mlflow_project import empty_database, project  # noqa: E402

__all__ = ["empty_database", "project"]
