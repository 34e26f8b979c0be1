"""Makes a project with an MLflow store available to the tests of the stages."""

from mlflow_project import empty_database, project

__all__ = ["empty_database", "project"]
