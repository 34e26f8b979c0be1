"""The files of a registered detector: download, and lookup in a model's folder."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from stridor.common.errors import StridorError
from stridor.common.text import shortened
from stridor.tracking.location import Store
from stridor.tracking.registry import PREFIX, model_name, registered_detectors
from stridor.tracking.relocation import moved_path
from stridor.tracking.store import open_store
from stridor.tracking.versions import CHAMPION

# MLflow's description of a model.
DESCRIPTION_FILE = "MLmodel"
_ADDRESSES = ("models:/", "runs:/")
_LONGEST_ADDRESS = 500
_ADDRESS = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")


def download_model(name_or_uri: str, folder: Path) -> Path:
    """Bring a registered detector's files here; the store is read only.

    Parameters
    ----------
    name_or_uri : str
        The name of a detector, for its champion, or an address such as `models:/stridor-valve/3`.
    folder : Path
        Where files go that are not in this file system.

    Returns
    -------
    Path
        The model's folder.

    Raises
    ------
    StridorError
        If there is no such detector, its files are gone, or the store fails.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    check_address(name_or_uri)
    store = open_store(only_read=True)
    uri = name_or_uri if ":/" in name_or_uri else f"models:/{model_name(name_or_uri)}@{CHAMPION}"
    with store.errors():
        try:
            if here := _files_beside(store, uri):
                return here
            return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder)))
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            known = registered_detectors()
            advice = f"registered are {', '.join(known)}" if known else "none is registered yet, run 'dvc repro'"
            raise StridorError(
                f"There is no detector '{name_or_uri}' in the MLflow store {store.shown}; {advice}."
            ) from error


def known_detectors() -> list[str]:
    """Name all registered detectors of the store in use.

    Raises
    ------
    StridorError
        If the store fails.
    """
    with open_store(only_read=True).errors():
        return registered_detectors()


@contextmanager
def opened_model(source: str | Path) -> Iterator[tuple[dict[str, Path], dict[str, Any]]]:
    """Yield the files and the settings of a detector, as `read_model` does; they may be gone afterwards.

    Parameters
    ----------
    source : str or Path
        The name of a detector, an address, or a model's folder.

    Raises
    ------
    StridorError
        If there is no such detector, it cannot be read, or the store fails.
    """
    with TemporaryDirectory(prefix="stridor-") as folder:
        yield read_model(Path(source) if is_folder(source) else download_model(str(source), Path(folder)))


def _files_beside(store: Store, uri: str) -> Path | None:
    """Return the folder of a model that a store in a database keeps beside itself; None for other stores and addresses.

    Raises
    ------
    StridorError
        If the folder is gone.
    """
    from mlflow import MlflowClient

    address = _ADDRESS.fullmatch(uri)
    if store.database is None or address is None:
        return None
    client, name = MlflowClient(), address["name"]
    if address["alias"]:
        version = client.get_model_version_by_alias(name, address["alias"])
    else:
        version = client.get_model_version(name, address["version"])
    location = version.source or ""
    # MLflow 3 names the logged model that a version was made of.
    if logged := re.fullmatch(r"models:/(m-\w+)", location):
        location = client.get_logged_model(logged[1]).artifact_location
    folder = moved_path(store, location)
    if folder is not None and not (folder / DESCRIPTION_FILE).is_file():
        raise StridorError(
            f"The files of {name} version {version.version} are gone from {folder}; run 'stridor register "
            f"{name.removeprefix(PREFIX)}' to write them again from the trained detector."
        )
    return folder


def check_address(name_or_uri: str) -> None:
    """Refuse addresses that are none of a registered model.

    Raises
    ------
    StridorError
        If it is neither a name nor an address in the MLflow store.
    """
    # Others would be fetched from wherever they name, by packages that may not be there.
    if not name_or_uri.strip() or not name_or_uri.isprintable() or len(name_or_uri) > _LONGEST_ADDRESS:
        raise StridorError("The detector's name is empty or not printable; give the name of a registered detector.")
    if ":" in name_or_uri and not name_or_uri.startswith(_ADDRESSES):
        raise StridorError(
            f"'{name_or_uri}' is not the address of a registered detector; give its name, an address such as "
            "models:/stridor-valve/3, or the folder of a model that was downloaded."
        )


def is_folder(source: str | Path) -> bool:
    """Return whether `source` is a model's folder, as opposed to a detector's name or an address."""
    if isinstance(source, Path):
        return True
    if not source.isprintable() or len(source) > _LONGEST_ADDRESS:
        return False
    if (Path(source) / DESCRIPTION_FILE).is_file():
        return True
    return ":/" not in source and Path(source).name != source


def read_model(folder: Path) -> tuple[dict[str, Path], dict[str, Any]]:
    """Find the files of a detector in a model's folder, without running the code in it.

    Returns
    -------
    dict of str to Path
        Those of `encoder`, `frozen` and `tagger`, checkpoints, that a view needs, and `banks`, a folder with a
        reference per machine; or `autoencoders`, a folder with one per machine. `scores`, those of test clips, where
        there are any.
    dict
        As from `registry.model_config`.

    Raises
    ------
    StridorError
        If the folder holds no model, or a model that is not a detector.
    """
    # Not needed where a registered detector is served.
    from stridor.params.reading import read_yaml

    description = folder / DESCRIPTION_FILE
    if not description.is_file():
        raise StridorError(
            f"{folder} is not the folder of a model, as it has no file {DESCRIPTION_FILE}; give a folder that was "
            "downloaded from MLflow, or the name of a registered detector."
        )
    try:
        values: Any = read_yaml(description)
    except StridorError as error:
        raise StridorError(f"{folder} does not describe a detector of stridor: {error}") from None
    try:
        flavor = values["flavors"]["python_function"]
        places = {name: PurePosixPath(one["path"]) for name, one in flavor["artifacts"].items()}
        if outside := [place for place in places.values() if place.is_absolute() or ".." in place.parts]:
            raise ValueError(f"{outside[0]} lies outside of its folder")
        artifacts = {name: folder / place for name, place in places.items()}
        if not {"autoencoders", "banks"} & artifacts.keys():
            raise KeyError("banks")
        return artifacts, dict(flavor["config"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = shortened(" ".join(str(error).split()))
        raise StridorError(
            f"{description} does not describe a detector of stridor ({type(error).__name__}: {reason}); give a model "
            "that 'stridor register' made."
        ) from None
