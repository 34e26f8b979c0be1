"""The model registry: a detector's encoder and reference banks as one model that scores recordings."""

import io
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from stridor.tracking.candidate import PACKAGE, Candidate
from stridor.tracking.describe import as_metrics
from stridor.tracking.later import later_run
from stridor.tracking.store import open_store

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from mlflow.models import ModelSignature

CONTENT_TAG = "content_md5"
PREFIX = "stridor-"
# The packages that loading and scoring import.
SERVING_PACKAGES = (
    "mlflow-skinny", "numpy", "pandas", "pydantic", "scipy", "soundfile", "torch", "torchaudio",
)  # fmt: skip
EXAMPLE_SAMPLES = 8000
# The parameter of a request by which every row is answered, also where none can be scored.
ANSWER_ALL = "answer_all"
# MLflow's databases hold no more.
LONGEST_DESCRIPTION = 5000


def register(candidate: Candidate) -> int:
    """Add a version to the registered model `stridor-<detector>`; which one is served, `versions` decides.

    If a version has the same content, it is used instead of a new one. Whether the files work is not looked at.

    Returns
    -------
    int
        The version.

    Raises
    ------
    StridorError
        If the store fails.
    """
    import mlflow
    from mlflow import MlflowClient

    store = open_store()
    content, name = candidate.content_md5, model_name(candidate.detector)
    client = MlflowClient()
    with store.errors():
        found = _version_of(client, name, content)
        if found is None:
            run_id = candidate.run_id
            if run_id is None:
                title = f"{candidate.detector} registration"
                with later_run(title, candidate.values, candidate.tags, candidate.experiment) as run:
                    run_id = run.run_id
            model_id = _log_model(name, candidate, run_id)
            mlflow.log_metrics(as_metrics(candidate.measures), run_id=run_id, model_id=model_id)
            tags = {CONTENT_TAG: content, "detector": candidate.detector} | dict(candidate.tags)
            found = int(mlflow.register_model(f"models:/{model_id}", name, tags=tags).version)
        if candidate.description:
            client.update_model_version(name, str(found), candidate.description[:LONGEST_DESCRIPTION])
    return found


def model_name(detector: str) -> str:
    """Return the name that a detector is registered under."""
    return PREFIX + detector


def registered_detectors() -> list[str]:
    """Name all detectors of the open store's registry."""
    from mlflow import MlflowClient

    models = MlflowClient().search_registered_models(f"name LIKE '{PREFIX}%'", max_results=1000)
    return sorted(model.name.removeprefix(PREFIX) for model in models)


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


def _log_model(name: str, candidate: Candidate, run_id: str) -> str:
    """Log the model to its run without reopening the run, which would change its duration."""
    import mlflow
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModelOutput

    client = MlflowClient()
    model = mlflow.initialize_logged_model(
        name=name, source_run_id=run_id, params=dict(candidate.values), tags=dict(candidate.tags),
        experiment_id=client.get_run(run_id).info.experiment_id,
    )  # fmt: skip
    mlflow.pyfunc.log_model(
        name=name,
        model_id=model.model_id,
        python_model=str(PACKAGE / "serving" / "mlflow_model.py"),
        code_paths=[str(PACKAGE)],
        artifacts={key: path.resolve().as_uri() for key, path in candidate.files.items()},
        model_config=dict(candidate.config),
        signature=_signature(),
        input_example=_example(candidate.config["machines"][0]),
        pip_requirements=[f"{name}=={version(name).split('+')[0]}" for name in SERVING_PACKAGES],
    )
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    return model.model_id


def _signature() -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    inputs = Schema([ColSpec(DataType.binary, "audio"), ColSpec(DataType.string, "machine", required=False)])
    outputs = Schema([
        ColSpec(DataType.double, "score"), ColSpec(DataType.double, "threshold"),
        ColSpec(DataType.boolean, "anomalous"), ColSpec(DataType.string, "nearest"),
        ColSpec(DataType.string, "machine"), ColSpec(DataType.double, "p_value"),
        ColSpec(DataType.double, "worst_second"), ColSpec(DataType.long, "window_count"),
        ColSpec(DataType.string, "error", required=False),
    ])  # fmt: skip
    return ModelSignature(inputs, outputs, ParamSchema([ParamSpec(ANSWER_ALL, DataType.boolean, False)]))


def example_wave() -> "np.ndarray":
    """Return a short recording of faint noise, float32 [T], 16 kHz."""
    import numpy as np

    return np.random.default_rng(0).normal(scale=0.01, size=EXAMPLE_SAMPLES).astype(np.float32)


def _example(machine: str) -> "pd.DataFrame":
    """Return a request as a client sends it."""
    import pandas as pd
    import soundfile as sf

    from stridor.audio.files import SAMPLE_RATE_HZ

    encoded = io.BytesIO()
    sf.write(encoded, example_wave(), SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return pd.DataFrame({"audio": [encoded.getvalue()], "machine": [machine]})
