"""MLflow: the store, a run for each training, the model registry.

location     where the store is
store        create and open it; its experiments
describe     parameters, tags and data version of a run
run          one MLflow run, started or resumed
runs         the runs of trainings, evaluations and autoencoders
registry     encoder and reference banks as one registered model
model_files  the files of a registered model

Whatever opens the store raises StridorError if the store fails.
"""

import os

# Read when mlflow is imported, which only the modules of this folder do.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
