"""The files of a registered detector: brought here from the store, and found in a model's folder."""

import re
from pathlib import Path
from typing import Any

from stridor.common.errors import StridorError
from stridor.tracking.location import Store
from stridor.tracking.registry import CHAMPION, PREFIX, model_name, registered_detectors
from stridor.tracking.relocation import moved_path
from stridor.tracking.store import open_store

# What MLflow describes a model in.
DESCRIPTION_FILE = "MLmodel"
_ADDRESS = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")


def download_model(name_or_uri: str, folder: Path) -> Path:
    """Bring a registered detector's files here; the store is read only.

    Parameters
    ----------
    name_or_uri : str
        A detector's name stands for its champion; an address such as `models:/stridor-valve/3` for itself.
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


def is_folder(source: str | Path) -> bool:
    """Tell a model's folder from a detector's name, which another folder may have too, and from an address."""
    if isinstance(source, Path) or (Path(source) / DESCRIPTION_FILE).is_file():
        return True
    return ":/" not in source and Path(source).name != source


def read_model(folder: Path) -> tuple[Path, Path, dict[str, Any]]:
    """Find the files of a detector in a model's folder, without running the code that lies in it.

    Returns
    -------
    Path
        The encoder's checkpoint.
    Path
        Folder with a reference per machine.
    dict
        As from `registry.model_config`.

    Raises
    ------
    StridorError
        If the folder holds no model, or a model that is not a detector.
    """
    from ruamel.yaml import YAML, YAMLError

    description = folder / DESCRIPTION_FILE
    if not description.is_file():
        raise StridorError(
            f"{folder} is not the folder of a model, as it has no file {DESCRIPTION_FILE}; give a folder that was "
            "downloaded from MLflow, or the name of a registered detector."
        )
    try:
        flavor = YAML(typ="safe").load(description.read_text(encoding="utf-8"))["flavors"]["python_function"]
        artifacts, config = flavor["artifacts"], flavor["config"]
        return folder / artifacts["encoder"]["path"], folder / artifacts["banks"]["path"], dict(config)
    except (YAMLError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise StridorError(
            f"{description} does not describe a detector of stridor ({type(error).__name__}: {reason}); give a model "
            "that 'stridor register' made."
        ) from None
