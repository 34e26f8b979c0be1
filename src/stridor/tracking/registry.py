"""The model registry: a detector's encoder and reference banks as one model that scores recordings."""

import hashlib
import io
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stridor.common.project import code_md5
from stridor.params import Params
from stridor.params.scoring_sections import views_of
from stridor.tracking.describe import as_metrics, flatten, tags_of
from stridor.tracking.later import later_run
from stridor.tracking.store import open_store

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from mlflow.models import ModelSignature

CHAMPION = "champion"
CONTENT_TAG = "content_md5"
PREFIX = "stridor-"
# The packages that loading and scoring import.
SERVING_PACKAGES = (
    "mlflow-skinny", "numpy", "pandas", "pydantic", "scipy", "soundfile", "torch", "torchaudio",
)  # fmt: skip
EXAMPLE_SAMPLES = 8000
_PACKAGE = Path(__file__).resolve().parents[1]


def register(
    detector: str,
    encoder: Path,
    banks: Path,
    params: Params,
    run_id: str | None,
    measures: Mapping[str, float],
    frozen: Path | None = None,
) -> int:
    """Make a detector the champion of the registered model `stridor-<detector>`.

    If a version has the same content, it is used instead of a new one.

    Parameters
    ----------
    encoder : Path
        Checkpoint file.
    banks : Path
        Folder with a reference per machine of the detector.
    params : Params
        Of the detector; `audio`, `embedding` and the views of the bank travel with the model.
    run_id : str or None
        The training's run; without one, the measures go to a run of their own.
    measures : mapping of str to float
        Shown at the model and its run.
    frozen : Path, optional
        Checkpoint file of the encoder that training started from, where it is one of the views.

    Returns
    -------
    int
        The version.

    Raises
    ------
    StridorError
        If encoder and banks do not work together, or the store fails.
    """
    import mlflow
    from mlflow import MlflowClient

    store = open_store()
    files = {"encoder": encoder, "banks": banks} | ({"frozen": frozen} if frozen else {})
    _try_out(detector, files, params)
    content = content_md5(files, model_config(detector, params))
    name = model_name(detector)
    client = MlflowClient()
    with store.errors():
        found = _version_of(client, name, content)
        if found is None:
            if run_id is None:
                with later_run(f"{detector} registration", detector, params) as run:
                    run_id = run.run_id
            model_id = _log_model(name, detector, files, params, run_id)
            mlflow.log_metrics(as_metrics(measures), run_id=run_id, model_id=model_id)
            tags = {CONTENT_TAG: content, "detector": detector}
            found = int(mlflow.register_model(f"models:/{model_id}", name, tags=tags).version)
        client.set_registered_model_alias(name, CHAMPION, str(found))
    return found


def model_name(detector: str) -> str:
    """Return the name that a detector is registered under."""
    return PREFIX + detector


def registered_detectors() -> list[str]:
    """Name all detectors of the open store's registry."""
    from mlflow import MlflowClient

    models = MlflowClient().search_registered_models(f"name LIKE '{PREFIX}%'", max_results=1000)
    return sorted(model.name.removeprefix(PREFIX) for model in models)


def model_config(detector: str, params: Params) -> dict[str, Any]:
    """Return what a served detector needs in addition to its files."""
    config: dict[str, Any] = {
        "machines": list(params.detectors[detector].machines),
        "audio": params.audio.model_dump(mode="json"),
        "embedding": params.embedding.model_dump(mode="json"),
        "code": code_md5(_PACKAGE),
        "device": "cpu",
    }
    if params.bank.views:
        views = views_of(params.embedding, params.bank)
        config["views"] = [{"encoder": name, "embedding": way.model_dump(mode="json")} for name, way in views]
    return config


def content_md5(artifacts: Mapping[str, Path], config: Mapping[str, Any]) -> str:
    """Return a digest of everything that a detector's scores depend on: settings, code, weights and banks."""
    banks = artifacts["banks"]
    digest = hashlib.md5(json.dumps(config, sort_keys=True).encode(), usedforsecurity=False)
    encoders = [artifacts[name] for name in ("encoder", "frozen") if name in artifacts]
    files = sorted(path for path in banks.rglob("*") if path.is_file())
    for path in (*encoders, *files):
        name = path.name if path in encoders else path.relative_to(banks).as_posix()
        digest.update(f"{name} {path.stat().st_size} ".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _try_out(detector: str, artifacts: Mapping[str, Path], params: Params) -> None:
    """Score an example first, as MLflow registers a model even if it fails on its example."""
    from stridor.scoring.reference import MachineReference
    from stridor.scoring.views import load_embedder

    views = views_of(params.embedding, params.bank)
    embedding = load_embedder(views, artifacts["encoder"], artifacts.get("frozen")).embed([_example_wave()])
    for machine in params.detectors[detector].machines:
        MachineReference.load(artifacts["banks"] / machine).bank.score_samples(embedding)


def _version_of(client: Any, name: str, content: str) -> int | None:
    """Return the latest version with a content, of those whose files are still there."""
    versions = client.search_model_versions(f"name = '{name}'")
    same = [int(found.version) for found in versions if found.tags.get(CONTENT_TAG) == content]
    return next((version for version in sorted(same, reverse=True) if _has_files(name, version)), None)


def _has_files(name: str, version: int) -> bool:
    from mlflow.exceptions import MlflowException
    from mlflow.models import get_model_info

    try:
        get_model_info(f"models:/{name}/{version}")
    except (MlflowException, OSError):
        return False
    return True


def _log_model(name: str, detector: str, artifacts: Mapping[str, Path], params: Params, run_id: str) -> str:
    """Log the model to its run without reopening the run, which would change its duration."""
    import mlflow
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModelOutput

    client = MlflowClient()
    model = mlflow.initialize_logged_model(
        name=name, source_run_id=run_id, params=flatten(params), tags=tags_of(detector, params),
        experiment_id=client.get_run(run_id).info.experiment_id,
    )  # fmt: skip
    mlflow.pyfunc.log_model(
        name=name,
        model_id=model.model_id,
        python_model=str(_PACKAGE / "serving" / "mlflow_model.py"),
        code_paths=[str(_PACKAGE)],
        artifacts={key: path.resolve().as_uri() for key, path in artifacts.items()},
        model_config=model_config(detector, params),
        signature=_signature(),
        input_example=_example(params.detectors[detector].machines[0]),
        pip_requirements=[f"{name}=={version(name).split('+')[0]}" for name in SERVING_PACKAGES],
    )
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    return model.model_id


def _signature() -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    inputs = Schema([ColSpec(DataType.binary, "audio"), ColSpec(DataType.string, "machine", required=False)])
    outputs = Schema([
        ColSpec(DataType.double, "score"), ColSpec(DataType.double, "threshold"),
        ColSpec(DataType.boolean, "anomalous"), ColSpec(DataType.string, "nearest"),
        ColSpec(DataType.string, "machine"), ColSpec(DataType.double, "p_value"),
        ColSpec(DataType.double, "worst_second"), ColSpec(DataType.long, "window_count"),
        ColSpec(DataType.string, "error", required=False),
    ])  # fmt: skip
    return ModelSignature(inputs, outputs)


def _example_wave() -> "np.ndarray":
    """Return a short recording of faint noise, float32 [T], 16 kHz."""
    import numpy as np

    return np.random.default_rng(0).normal(scale=0.01, size=EXAMPLE_SAMPLES).astype(np.float32)


def _example(machine: str) -> "pd.DataFrame":
    """Return a request as a client sends it."""
    import pandas as pd
    import soundfile as sf

    from stridor.audio.files import SAMPLE_RATE_HZ

    encoded = io.BytesIO()
    sf.write(encoded, _example_wave(), SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return pd.DataFrame({"audio": [encoded.getvalue()], "machine": [machine]})
