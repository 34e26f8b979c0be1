"""MLflow: the store (place, store), one run per training (runs, baseline, runlog, describe), the models (registry)."""

import os

# Read when mlflow is imported, which only the modules of this folder do.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
