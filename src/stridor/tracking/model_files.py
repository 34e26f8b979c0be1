"""The files of a registered detector: brought here from the store, and found in a model's folder."""

from pathlib import Path
from typing import Any

from stridor.common.errors import StridorError
from stridor.tracking.registry import CHAMPION, model_name, registered_detectors
from stridor.tracking.store import open_store

# What MLflow describes a model in.
DESCRIPTION_FILE = "MLmodel"


def download_model(name_or_uri: str, folder: Path) -> Path:
    """Copy a registered detector's files.

    Parameters
    ----------
    name_or_uri : str
        A detector's name stands for its champion; an address such as `models:/stridor-valve/3` for itself.
    folder : Path
        Where the files go.

    Returns
    -------
    Path
        The model's folder.

    Raises
    ------
    StridorError
        If there is no such detector or the store fails.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    store = open_store()
    uri = name_or_uri if ":/" in name_or_uri else f"models:/{model_name(name_or_uri)}@{CHAMPION}"
    with store.errors():
        try:
            return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder)))
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            known = registered_detectors()
            advice = f"registered are {', '.join(known)}" if known else "none is registered yet, run 'dvc repro'"
            raise StridorError(
                f"There is no detector '{name_or_uri}' in the MLflow store {store.shown}; {advice}."
            ) from error


def is_folder(source: str | Path) -> bool:
    """Tell a model's folder from a detector's name, which another folder may have too, and from an address."""
    if isinstance(source, Path) or (Path(source) / DESCRIPTION_FILE).is_file():
        return True
    return ":/" not in source and Path(source).name != source


def read_model(folder: Path) -> tuple[dict[str, Path], dict[str, Any]]:
    """Find the files of a detector in a model's folder, without running the code that lies in it.

    Returns
    -------
    dict of str to Path
        The encoder's checkpoint `encoder`, and `frozen` where a view needs it; `banks`, a folder with a reference per
        machine.
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
        artifacts = {name: folder / one["path"] for name, one in flavor["artifacts"].items()}
        return {name: artifacts[name] for name in ("encoder", "banks")} | artifacts, dict(flavor["config"])
    except (YAMLError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise StridorError(
            f"{description} does not describe a detector of stridor ({type(error).__name__}: {reason}); give a model "
            "that 'stridor register' made."
        ) from None
