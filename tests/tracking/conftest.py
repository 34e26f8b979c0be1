"""A folder without an MLflow store."""

import pytest

from mlflow_project import VARIABLES


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A folder that is no project, as working directory."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path
