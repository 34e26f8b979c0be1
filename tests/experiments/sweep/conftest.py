"""A project with an MLflow store, for the stages that come before a sweep."""

from mlflow_project import empty_database, project

__all__ = ["empty_database", "project"]
