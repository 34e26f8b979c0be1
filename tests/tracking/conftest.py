"""Makes a project with an MLflow store available, and a folder without one."""

import pytest

from mlflow_project import VARIABLES, empty_database, project

__all__ = ["empty_database", "nowhere", "project"]


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A folder that is no project, as working directory."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path
