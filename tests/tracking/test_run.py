"""What a run logs when others start at the same moment."""

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from stridor.tracking import run
from stridor.tracking.describe import DataVersion

VERSION = DataVersion("data", "0" * 32)


def failing(monkeypatch, *errors):
    """Let logging a data set fail with each of some errors in turn; return how often it was called."""
    left, calls = list(errors), []

    def log_input(dataset, context):
        calls.append(context)
        if left:
            raise left.pop(0)

    monkeypatch.setattr(mlflow, "log_input", log_input)
    return calls


def test_two_runs_that_start_at_once_log_the_same_data(monkeypatch):
    calls = failing(monkeypatch, MlflowException("(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.name"))
    run._log_input(VERSION)
    assert calls == ["training", "training"]


def test_another_failure_is_not_tried_again(monkeypatch):
    calls = failing(monkeypatch, MlflowException("database is locked"))
    with pytest.raises(MlflowException, match="locked"):
        run._log_input(VERSION)
    assert calls == ["training"]
