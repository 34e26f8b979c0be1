"""Where Optuna's storage is, and processes that open a new one at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import optuna
import pytest
import sqlalchemy
from optuna.storages._rdb.models import BaseModel

from stridor.common.errors import StridorError
from stridor.experiments.tuning import owned_trials
from stridor.experiments.tuning import storage as storage_module
from stridor.experiments.tuning.storage import open_storage, storage_errors, storage_shown, storage_url
from waiting_trial import check_taken_once

RUNNING = optuna.trial.TrialState.RUNNING
TABLES = sorted(BaseModel.metadata.tables)


@pytest.fixture
def url(tmp_path, monkeypatch):
    monkeypatch.setattr(storage_module, "_PAUSE_S", 0.01)
    return f"sqlite:///{tmp_path}/new.db"


def is_usable(storage):
    study = optuna.create_study(storage=storage, study_name="study", load_if_exists=True)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    return len(study.trials) > 0


def test_it_is_next_to_the_mlflow_store_by_default(project, monkeypatch):
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)
    assert storage_url() == f"sqlite:///{project}/optuna.db"
    monkeypatch.setenv("OPTUNA_STORAGE", "postgresql://someone:secret@host/studies")
    assert storage_url() == "postgresql://someone:secret@host/studies"
    assert storage_shown(storage_url()) == "postgresql://someone:***@host/studies"


@pytest.mark.parametrize("table", TABLES)
def test_another_process_creates_the_tables_between_check_and_creation(url, table):
    made = []

    def be_faster(*args, **kwargs):
        if not made:
            made.append(table)
            made.append(open_storage(url))

    ours = BaseModel.metadata.tables[table]
    sqlalchemy.event.listen(ours, "before_create", be_faster)
    try:
        storage = open_storage(url)
    finally:
        sqlalchemy.event.remove(ours, "before_create", be_faster)
    assert made
    assert is_usable(storage)
    assert is_usable(made[1])
    assert len(optuna.load_study(study_name="study", storage=url).trials) == 2


def test_a_full_disk_is_one_sentence_with_its_reason(url):
    storage = open_storage(url)
    study = optuna.create_study(storage=storage)

    def fill(connection, record):
        connection.execute("PRAGMA max_page_count = 1")  # as many as it has

    sqlalchemy.event.listen(storage.engine, "connect", fill)
    storage.engine.dispose()

    def go_on():
        with storage_errors(url):
            for _ in range(1000):
                study.ask().set_user_attr("text", "x" * 1000)

    with pytest.raises(StridorError, match=r"sqlite:.*new\.db cannot be used \(database or disk is full\); fix it"):
        go_on()


def test_a_defect_is_not_taken_for_one_of_the_storage(url):
    with pytest.raises(AssertionError, match="a defect"), storage_errors(url):
        raise AssertionError("a defect")


def test_a_trial_whose_end_cannot_be_recorded_is_one_sentence(url):
    storage = open_storage(url)
    study = optuna.create_study(storage=storage)

    def fill(connection, record):
        connection.execute("PRAGMA query_only = 1")

    def objective(trial):
        sqlalchemy.event.listen(storage.engine, "connect", fill)
        storage.engine.dispose()
        return 1.0

    def go_on():
        with storage_errors(url):
            study.optimize(objective, n_trials=1)

    with pytest.raises(StridorError, match=r"new\.db cannot be used \(attempt to write a readonly database\); fix it"):
        go_on()


def test_many_open_a_new_one_at_the_same_moment(url):
    together = Barrier(6)

    def opened(_):
        together.wait(timeout=300)
        return open_storage(url)

    with ThreadPoolExecutor(6) as threads:
        storages = list(threads.map(opened, range(6)))
    assert all(is_usable(storage) for storage in storages)
    assert len(optuna.load_study(study_name="study", storage=url).trials) == 6


def test_a_waiting_trial_is_taken_once(url, monkeypatch):
    check_taken_once(url, monkeypatch)


@pytest.mark.parametrize(
    ("reason", "tries"), [("could not connect", 1), ("table trials already exists", storage_module._ATTEMPTS)]
)
def test_what_does_not_end_is_given_up_and_other_failures_at_once(url, monkeypatch, reason, tries):
    tried = []

    def fail(*args, **kwargs):
        tried.append(args)
        raise sqlalchemy.exc.OperationalError("CREATE TABLE trials", {}, Exception(reason))

    monkeypatch.setattr(owned_trials, "OwnedTrialsStorage", fail)
    with pytest.raises(sqlalchemy.exc.OperationalError, match=reason):
        open_storage(url)
    assert len(tried) == tries
