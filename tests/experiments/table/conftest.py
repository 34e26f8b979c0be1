"""A project with an MLflow store, for cells that are run."""

from mlflow_project import empty_database, project

__all__ = ["empty_database", "project"]
