"""A store whose project was moved or copied: noticed, and made to point to its own folder again.

MLflow writes absolute locations into its database, so that a copy would keep its files in the original.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stridor.common.errors import StridorError
from stridor.tracking.location import ARTIFACTS, Store

# Where MLflow's tables hold locations of files.
_COLUMNS = (
    ("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"),
    ("model_versions", "source"), ("model_versions", "storage_location"),
)  # fmt: skip
_TIMEOUT_S = 20


def made_elsewhere(store: Store) -> Path | None:
    """Return the folder in which a moved or copied store still looks for its files; None if it is the store's own.

    Raises
    ------
    StridorError
        If the database cannot be read.
    """
    if store.database is None or store.artifacts is None or not store.database.is_file():
        return None
    try:
        with closing(sqlite3.connect(store.database, timeout=_TIMEOUT_S)) as connection:
            return _other_home(connection, store.artifacts)
    except sqlite3.Error as error:
        raise store.failure(error) from error


def check_place(store: Store) -> None:
    """Refuse a store that would write outside of the folder in which it lies.

    One that nothing was written to yet is relocated without a word.

    Raises
    ------
    StridorError
        If the store was moved or copied, or the database cannot be read.
    """
    home = made_elsewhere(store)
    if home is None:
        return
    if _is_unused(store):
        relocate(store)
    else:
        raise StridorError(
            f"The MLflow store {store.shown} was made in {home.parent}, and its runs and models still point there; run "
            f"'stridor store relocate', after which they point to {store.artifacts}."
        )


def relocate(store: Store) -> str:
    """Have a store that was moved or copied point to the folder in which it lies; return what was done.

    All locations are changed in one transaction. Other projects and their files are not touched.

    Raises
    ------
    StridorError
        If the database cannot be changed.
    """
    if store.database is None or store.artifacts is None:
        return f"The MLflow store {store.shown} says itself where its files are; nothing was changed."
    home = made_elsewhere(store)
    if home is None:
        return f"The MLflow store {store.shown} points to {store.artifacts}."
    try:
        with closing(sqlite3.connect(store.database, timeout=_TIMEOUT_S, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            changed = sum(_replace(connection, *column, home, store.artifacts) for column in _COLUMNS)
            missing = _models_without_files(connection)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise store.failure(error) from error
    said = (
        f"The MLflow store {store.shown} was made in {home.parent}; {changed} locations point to {store.artifacts} now."
    )
    if missing:
        said += (
            f"\nThe files of {missing} registered models are not there; copy {home} to {store.artifacts}, or run "
            "'stridor register'."
        )
    return said


def moved_path(store: Store, location: str) -> Path | None:
    """Return where files lie that a store keeps beside itself, under another name if it was moved; None for others."""
    path = _local(location)
    if path is None or store.artifacts is None:
        return None
    home = made_elsewhere(store)
    if home is not None and path.is_relative_to(home):
        return store.artifacts / path.relative_to(home)
    return path


def _is_unused(store: Store) -> bool:
    with closing(sqlite3.connect(str(store.database), timeout=_TIMEOUT_S)) as connection:
        known = _tables(connection)
        tables = [table for table in ("experiments", "runs", "logged_models", "model_versions") if table in known]
        counts = [connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables]
    # The one experiment is MLflow's own.
    return sum(counts) <= 1


def _other_home(connection: sqlite3.Connection, artifacts: Path) -> Path | None:
    """Return the parent of the first experiment's folder, if it is the `mlruns` of another place.

    MLflow makes that experiment together with the database. A store whose files were put somewhere else on purpose,
    in a folder of another name, stays as it is.
    """
    if "experiments" not in _tables(connection):
        return None
    row = connection.execute("SELECT artifact_location FROM experiments ORDER BY experiment_id LIMIT 1").fetchone()
    path = _local(row[0]) if row and row[0] else None
    if path is None or path.parent.name != ARTIFACTS:
        return None
    return None if _same(path.parent, artifacts) else path.parent


def _same(one: Path, other: Path) -> bool:
    """Tell whether two paths are one folder, which may have several names."""
    if one == other:
        return True
    # Neither `mlruns` need exist, as MLflow makes it for the first file.
    for first, second in ((one, other), (one.parent, other.parent)):
        if first.exists() and second.exists():
            return first.samefile(second)
    return False


def _local(location: str) -> Path | None:
    """Return a location as a path; None if it is somewhere else than in a file system, or relative."""
    parts = urlsplit(location)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        path = Path(unquote(parts.path))
    elif not parts.scheme:
        path = Path(location)
    else:
        return None
    return path if path.is_absolute() else None


def _replace(connection: sqlite3.Connection, table: str, column: str, home: Path, artifacts: Path) -> int:
    """Replace the beginning of a column's locations; return how many were changed."""
    if table not in _tables(connection) or column not in _columns(connection, table):
        return 0
    changed = 0
    for old, new in ((home.as_uri(), artifacts.as_uri()), (str(home), str(artifacts))):
        changed += connection.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
            (f"{new}/", len(old) + 2, len(old) + 1, f"{old}/"),
        ).rowcount
    return changed


def _models_without_files(connection: sqlite3.Connection) -> int:
    if "logged_models" not in _tables(connection):
        return 0
    rows = connection.execute("SELECT artifact_location FROM logged_models WHERE lifecycle_stage = 'active'").fetchall()
    paths = [_local(location) for (location,) in rows]
    return sum(path is not None and not path.is_dir() for path in paths)


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
