"""Makes a project with an MLflow store available."""

from mlflow_project import empty_database, project

__all__ = ["empty_database", "project"]
