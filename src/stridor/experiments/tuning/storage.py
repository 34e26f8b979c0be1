"""Optuna's storage: its location, opening it from several processes at once, and its errors."""

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stridor.common.errors import StridorError, origins
from stridor.tracking.location import SQLITE, find_store

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from sqlalchemy.engine import Connection, Engine

DATABASE = "optuna.db"
_HEARTBEAT_S, _GRACE_S = 60, 240
# Each failure means that another process has created one of about fifteen tables or their first rows.
_ATTEMPTS, _PAUSE_S = 20, 0.2


def storage_url() -> str:
    """Return OPTUNA_STORAGE, or the URL of a SQLite database next to that of the MLflow store."""
    if url := os.environ.get("OPTUNA_STORAGE", "").strip():
        return url
    database = find_store().database
    folder = Path.cwd() if database is None else database.parent
    return f"{SQLITE}{folder / DATABASE}"


def storage_shown(url: str) -> str:
    """Return the URL of a storage without its password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


def open_storage(url: str) -> "RDBStorage":
    """Open a storage; missing tables are created by one of the processes that open it.

    Optuna checks which tables are missing and then creates them, so that one of two processes that open a new database
    fails (https://github.com/optuna/optuna/issues/1092). That process tries again.
    """
    from sqlalchemy.exc import SQLAlchemyError

    for _ in range(_ATTEMPTS - 1):
        try:
            return _open(url)
        except SQLAlchemyError as error:
            if not _was_created_by_another(error):
                raise
            time.sleep(_PAUSE_S)
    return _open(url)


@contextmanager
def opening_errors(url: str) -> Iterator[None]:
    """Turn errors of opening a storage into one sentence that names the storage.

    Raises
    ------
    StridorError
        If the storage cannot be used.
    """
    try:
        with storage_errors(url):
            yield
    except (ImportError, ValueError) as error:
        raise _unusable(url, error) from None


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn errors of a storage that is in use, such as a full disk, into one sentence that names the storage.

    Raises
    ------
    StridorError
        If the storage fails.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        raise _unusable(url, error) from None
    except Exception as error:
        # Where Optuna cannot record how a trial has ended, it stumbles over that with another error.
        failed = [one for one in origins(error) if isinstance(one, StorageInternalError)]
        if not failed:
            raise
        raise _unusable(url, failed[0].__cause__ or failed[0]) from None


def _unusable(url: str, error: BaseException) -> StridorError:
    shown = storage_shown(url)
    reason = " ".join(str(getattr(error, "orig", None) or error).split())
    return StridorError(
        f"Optuna's storage {shown} cannot be used ({reason.replace(url, shown).rstrip('.')}); fix it, or set "
        "OPTUNA_STORAGE to another."
    )


@contextmanager
def heartbeats() -> Iterator[None]:
    """Silence Optuna's warning that the interface of heartbeats may change, as its version is pinned."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


def _open(url: str) -> "RDBStorage":
    from stridor.experiments.tuning.owned_trials import OwnedTrialsStorage

    if url.startswith(SQLITE):
        # SQLite itself would leave it to its owner alone, whatever the umask says.
        with suppress(OSError):
            Path(url.removeprefix(SQLITE)).touch()
    with heartbeats():
        storage = OwnedTrialsStorage(
            url,
            # Writers of a SQLite file wait for each other.
            engine_kwargs={"connect_args": {"timeout": 60}} if url.startswith(SQLITE) else {},
            heartbeat_interval=_HEARTBEAT_S,
            grace_period=_GRACE_S,
        )
    if url.startswith(SQLITE):
        _lock_whole_transactions(storage.engine)
    return storage


def _lock_whole_transactions(engine: "Engine") -> None:
    """Let a transaction lock a SQLite file before it reads, so that what it read is still true when it writes.

    Optuna reads a trial's state before it sets it to running. It locks the row for that, which SQLite ignores, so that
    two workers could take the same waiting trial. The two listeners are those of
    https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable.
    """
    from sqlalchemy import event

    def begin_nothing(connection: Any, _record: object) -> None:
        connection.isolation_level = None

    def begin_with_lock(connection: "Connection") -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()  # connections that were opened before would begin as they did
    event.listen(engine, "connect", begin_nothing)
    event.listen(engine, "begin", begin_with_lock)


def _was_created_by_another(error: Exception) -> bool:
    """Return whether tables or rows could not be created because another process has just created them."""
    from sqlalchemy.exc import IntegrityError

    return isinstance(error, IntegrityError) or "already exists" in str(error)
