"""Where the MLflow store is: found, created once, opened, and its failures said in one sentence."""

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from stridor.errors import StridorError
from stridor.whole import whole_file

DATABASE = "mlflow.db"
ARTIFACTS = "mlruns"
# Without this tag the pages of an experiment open on MLflow's side for language models.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}

_MARKS = ("params.yaml", "dvc.yaml")
_SQLITE = "sqlite:///"
_DATABASES = ("postgresql", "mysql", "mssql")
# MLflow's own patience with a server that is not there is minutes, right in the midst of a training only.
_BRIEF = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


@dataclass(frozen=True)
class Store:
    """An MLflow store.

    Attributes
    ----------
    uri : str
        Of the tracking store; the model registry is in the same place unless MLFLOW_REGISTRY_URI is set.
    artifacts : Path or None
        Folder that new experiments keep their artefacts in; None where a server decides.
    """

    uri: str
    artifacts: Path | None

    @property
    def shown(self) -> str:
        """The URI without a password."""
        return re.sub(r"://([^:/@]*):[^/]*@", r"://\1:***@", self.uri)

    @property
    def database(self) -> Path | None:
        """The database file of a SQLite store."""
        return Path(self.uri.removeprefix(_SQLITE)) if self.uri.startswith(_SQLITE) else None

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn failures of the store into one sentence that names it.

        Raises
        ------
        StridorError
            If a call of MLflow inside the block fails.
        """
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, SQLAlchemyError) as error:
            raise self.failure(error) from error

    def failure(self, error: Exception) -> StridorError:
        """Return the error that says why the store cannot be used."""
        # The failures of HTTP requests are OSErrors.
        if self.uri.startswith("http") and isinstance(error.__context__, OSError):
            reason = "the server does not answer"
        elif isinstance(error, OSError) and error.strerror:
            reason = f"{error.strerror}: {error.filename}"
        else:
            # The first sentence says it; SQLAlchemy and MLflow go on with links and advice.
            text = " ".join(str(getattr(error, "orig", None) or error).split())
            reason = text.split(". ")[0].replace(self.uri, self.shown).rstrip(".")
        return StridorError(
            f"The MLflow store {self.shown} cannot be used ({reason}); mend it, or set MLFLOW_TRACKING_URI "
            "to another."
        )


def find_store() -> Store:
    """Say where the store is, without touching it.

    MLFLOW_TRACKING_URI decides if it is set. Otherwise the store is the database `mlflow.db` in the project's
    root, with artefacts under `mlruns/` beside it, where a bare `mlflow ui` finds them.

    Raises
    ------
    StridorError
        If there is neither that variable nor a project, or a database's path is one that MLflow misreads.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    if not uri:
        root = _project_root()
        if root is None:
            raise StridorError(
                f"{Path.cwd()} lies in no project (there is no params.yaml or dvc.yaml), so the MLflow store "
                "cannot be found; run the command in the project's root or set MLFLOW_TRACKING_URI."
            )
        return _sqlite_store(root / DATABASE)
    if uri.startswith(_SQLITE):
        # Relative to the working directory, it would be another file in the copies of `dvc exp run --temp`.
        return _sqlite_store(((_project_root() or Path.cwd()) / uri.removeprefix(_SQLITE)).resolve())
    if uri.startswith(_DATABASES):
        return Store(uri, (_project_root() or Path.cwd()) / ARTIFACTS)
    return Store(uri, None)


def create_store() -> Store:
    """Create the store's database if it is not there; a server or a shared database is left to its keeper.

    Several processes may do so at once; what was interrupted leaves no half database behind.

    Raises
    ------
    StridorError
        If the database cannot be created.
    """
    store = find_store()
    database = store.database
    if database is None or database.exists():
        return store
    from filelock import FileLock

    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        # MLflow's own creation, side by side in two processes, crashes one of them.
        with FileLock(f"{database}.lock"):
            if not database.exists():
                with whole_file(database) as beside:
                    _create_database(beside, store)
    except OSError as error:
        raise store.failure(error) from error
    return store


def open_store() -> Store:
    """Point MLflow at the store, creating its database if need be.

    Raises
    ------
    StridorError
        If the store cannot be reached or not be written to.
    """
    store = create_store()
    if store.database is not None:
        _check_writable(store)
    import mlflow

    mlflow.set_tracking_uri(store.uri)
    mlflow.set_registry_uri(os.environ.get("MLFLOW_REGISTRY_URI") or store.uri)
    if store.database is None:
        _check_reachable(store)
    return store


def experiment_id(store: Store, name: str) -> str:
    """Return the id of an experiment, which is created if there is none of that name.

    Raises
    ------
    StridorError
        If the experiment lies in MLflow's bin, or the store fails.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient()
    with store.errors():
        found = client.get_experiment_by_name(name)
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
    """Give up on a server within seconds inside the block, unless the user's environment says otherwise."""
    ours = {name: value for name, value in _BRIEF.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


def _project_root() -> Path | None:
    # In the copies that `dvc exp run --temp` works in, DVC_ROOT still names the main checkout.
    if root := os.environ.get("DVC_ROOT"):
        return Path(root).resolve()
    folders = (Path.cwd(), *Path.cwd().parents)
    return next((folder for folder in folders if any((folder / mark).is_file() for mark in _MARKS)), None)


def _sqlite_store(database: Path) -> Store:
    if {"%", "?"} & set(str(database)):
        raise StridorError(
            f"MLflow cannot keep a database at {database}, because '%' and '?' mean something else in its "
            "addresses; rename the folder or set MLFLOW_TRACKING_URI."
        )
    return Store(f"{_SQLITE}{database}", database.parent / ARTIFACTS)


def _create_database(file: Path, store: Store) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    # A page of migrations says nothing to a user.
    for name in ("mlflow.store.db.utils", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with store.errors():
        SqlAlchemyStore(f"{_SQLITE}{file}", store.artifacts.as_uri())._dispose_engine()


def _check_writable(store: Store) -> None:
    """Fail at once; MLflow itself tries for minutes to open a database that it cannot."""
    try:
        with closing(sqlite3.connect(store.database, timeout=20)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
        store.artifacts.mkdir(parents=True, exist_ok=True)
    except (sqlite3.Error, OSError) as error:
        raise store.failure(error) from error


def _check_reachable(store: Store) -> None:
    from mlflow import MlflowClient

    if store.uri.startswith(_DATABASES):
        import sqlalchemy

        try:
            engine = sqlalchemy.create_engine(store.uri)
            engine.connect().close()
            engine.dispose()
        except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
            raise store.failure(error) from error
        return
    with store.errors(), brief_retries():
        MlflowClient().search_experiments(max_results=1)
