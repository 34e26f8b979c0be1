"""Location of the MLflow store, and its errors as one sentence."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from stridor.common.errors import StridorError, origins
from stridor.common.interrupts import stop_signals_postponed
from stridor.common.project import check_path, project_root
from stridor.common.text import printable

Result = TypeVar("Result")

DATABASE = "mlflow.db"
ARTIFACTS = "mlruns"
SQLITE = "sqlite:///"
SHARED_DATABASES = ("postgresql", "mysql", "mssql")


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
        """The URI in one line and without a password."""
        return printable(re.sub(r"://([^:/@]*):[^/]*@", r"://\1:***@", self.uri))

    @property
    def database(self) -> Path | None:
        """The database file of a SQLite store."""
        return Path(self.uri.removeprefix(SQLITE)) if self.uri.startswith(SQLITE) else None

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn failures of the store into one sentence that names it.

        Raises
        ------
        StridorError
            If a call of MLflow inside the block fails. SIGTERM waits for the end of the call if the store is a file.
        """
        try:
            # A server completes its own transactions, and may take long.
            with nullcontext() if self.database is None else stop_signals_postponed():
                yield
        except _store_errors() as error:
            raise self.failure(error) from error

    def answered(self, call: Callable[[], Result]) -> Result:
        """Return what a call of MLflow returns, which is made again if the server was stopped within its answer.

        MLflow itself asks again only where there is no answer at all.

        Parameters
        ----------
        call : callable
            What may be done twice: not what creates a run.

        Raises
        ------
        StridorError
            As for `errors`.
        """
        with self.errors():
            try:
                return call()
            except _store_errors() as error:
                if not _was_cut_off(error):
                    raise
                return call()

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
            f"The MLflow store {self.shown} cannot be used ({reason}); fix it, or set MLFLOW_TRACKING_URI to another."
        )


def _was_cut_off(error: Exception) -> bool:
    from requests.exceptions import ChunkedEncodingError

    return any(isinstance(one, ChunkedEncodingError) for one in origins(error))


def _store_errors() -> tuple[type[Exception], ...]:
    from mlflow.exceptions import MlflowException

    # The client of a server does not need SQLAlchemy.
    if "sqlalchemy" not in sys.modules:
        return (MlflowException,)
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError


def find_store() -> Store:
    """Return the location of the store, without opening it.

    MLFLOW_TRACKING_URI decides if it is set. Otherwise the store is the database `mlflow.db` in the project's
    root, with artefacts under `mlruns/` beside it, where a bare `mlflow ui` finds them.

    Raises
    ------
    StridorError
        If there is neither that variable nor a project, or a database's path is one that MLflow misreads.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    if not uri:
        root = project_root()
        if root is None:
            raise StridorError(
                f"{Path.cwd()} is not inside a project (no params.yaml or dvc.yaml), so the MLflow store "
                "cannot be found; run the command in the project's root or set MLFLOW_TRACKING_URI."
            )
        return _sqlite_store(root / DATABASE)
    if uri.startswith(SQLITE):
        # Relative to the working directory, it would be another file in the copies of `dvc exp run --temp`.
        return _sqlite_store(((project_root() or Path.cwd()) / uri.removeprefix(SQLITE)).resolve())
    if uri.startswith(SHARED_DATABASES):
        return Store(uri, (project_root() or Path.cwd()) / ARTIFACTS)
    return Store(uri, None)


def _sqlite_store(database: Path) -> Store:
    check_path(database.parent)
    if {"%", "?"} & set(str(database)):
        raise StridorError(
            f"MLflow cannot keep a database at {database}, because '%' and '?' mean something else in its "
            "addresses; rename the folder or set MLFLOW_TRACKING_URI."
        )
    return Store(f"{SQLITE}{database}", database.parent / ARTIFACTS)
