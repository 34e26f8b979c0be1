"""The MLflow store: created once, opened, with experiments in it."""

import errno
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError
from stridor.tracking.location import SHARED_DATABASES, SQLITE, Store, find_store
from stridor.tracking.relocation import check_place

# Without it, MLflow shows the pages of an experiment with language models.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}

# By default, MLflow retries an unreachable server for minutes, which is right only during a training.
_BRIEF = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


def create_store() -> Store:
    """Create the store's database if it does not exist; a server or a shared database is left as it is.

    Several processes may do so at once; an interrupted call leaves no incomplete database.

    Raises
    ------
    StridorError
        If the database cannot be created, or what MLflow needs for databases is not installed.
    """
    store = find_store()
    _check_installed(store)
    database, artifacts = store.database, store.artifacts
    if database is None or artifacts is None or database.exists():
        return store
    from filelock import FileLock

    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        # If two processes create it at the same time, MLflow fails in one of them.
        with FileLock(f"{database}.lock"):
            if not database.exists():
                with atomic_file(database) as temporary:
                    _create_database(temporary, artifacts, store)
    except OSError as error:
        raise store.failure(error) from error
    return store


def open_store(only_read: bool = False) -> Store:
    """Point MLflow at the store, creating its database if necessary.

    Parameters
    ----------
    only_read : bool
        Nothing will be written: a database without write permission will do, and so will one that was moved.

    Raises
    ------
    StridorError
        If the store cannot be reached or written to, or if its runs and models point to another project.
    """
    store = create_store()
    if not only_read and store.database is not None and store.artifacts is not None:
        check_place(store)
        _check_writable(store.database, store.artifacts, store)
    import mlflow

    # A run of somebody else's, which MLflow would go on with in place of a new one.
    os.environ.pop("MLFLOW_RUN_ID", None)

    # It prints a traceback of what is raised as well, and told in a sentence.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    mlflow.set_tracking_uri(store.uri)
    mlflow.set_registry_uri(os.environ.get("MLFLOW_REGISTRY_URI") or store.uri)
    if store.database is None:
        _check_reachable(store)
    return store


def experiment_id(store: Store, name: str) -> str:
    """Return the id of an experiment, creating it if necessary.

    Raises
    ------
    StridorError
        If the experiment has been deleted, or the store fails.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient()
    with store.errors():
        found = store.answered(lambda: client.get_experiment_by_name(name))
        if found is None:
            location = None if store.artifacts is None else (store.artifacts / quote(name, safe=" ")).as_uri()
            try:
                return client.create_experiment(name, location, EXPERIMENT_TAGS)
            except MlflowException as error:
                # Another process may have been faster.
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise error
    if found.lifecycle_stage == "deleted":
        raise StridorError(
            f"The experiment '{name}' of the MLflow store {store.shown} has been deleted; restore it "
            f"with 'mlflow experiments restore -x {found.experiment_id}' or rename tracking.experiment."
        )
    return found.experiment_id


@contextmanager
def brief_retries() -> Iterator[None]:
    """Give up on an unreachable server within seconds, unless the user's environment sets otherwise."""
    added = {name: value for name, value in _BRIEF.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _create_database(file: Path, artifacts: Path, store: Store) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    # The log of the migrations fills a page and tells a user nothing.
    for name in ("mlflow.store.db.utils", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with store.errors():
        SqlAlchemyStore(f"{SQLITE}{file}", artifacts.as_uri())._dispose_engine()


def _check_installed(store: Store) -> None:
    """Fail if the store is a database and SQLAlchemy is missing; MLflow would call its address unsupported."""
    if (store.database or store.uri.startswith(SHARED_DATABASES)) and find_spec("sqlalchemy") is None:
        raise StridorError(
            f"The MLflow store {store.shown} is a database, which needs the extra stridor[pipeline]; run "
            "pip install 'stridor[pipeline]', or set MLFLOW_TRACKING_URI to the address of a server."
        )


def _check_writable(database: Path, artifacts: Path, store: Store) -> None:
    """Fail at once if the database cannot be written; MLflow would retry for minutes."""
    try:
        with closing(sqlite3.connect(database, timeout=20)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            # A transaction alone succeeds where nothing can be written.
            connection.execute(f"PRAGMA user_version = {connection.execute('PRAGMA user_version').fetchone()[0]}")
            connection.rollback()
        artifacts.mkdir(parents=True, exist_ok=True)
        if not os.access(artifacts, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(artifacts))
    except (sqlite3.Error, OSError) as error:
        raise store.failure(error) from error


def _check_reachable(store: Store) -> None:
    from mlflow import MlflowClient

    if store.uri.startswith(SHARED_DATABASES):
        import sqlalchemy

        try:
            engine = sqlalchemy.create_engine(store.uri)
            engine.connect().close()
            engine.dispose()
        except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
            raise store.failure(error) from error
        return
    with brief_retries():
        store.answered(lambda: MlflowClient().search_experiments(max_results=1))
