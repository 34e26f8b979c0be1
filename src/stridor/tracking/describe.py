"""Description of a run: parameters, tags, the version of its data and names of metrics."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stridor.params import EXPERIMENT_SECTIONS, Params

if TYPE_CHECKING:
    from mlflow.data.meta_dataset import MetaDataset


@dataclass(frozen=True)
class DataVersion:
    """The data, and its version, that a run learnt from.

    Attributes
    ----------
    path : str
        Folder or file, relative to the project's root.
    digest : str
        Up to 36 characters, such as the MD5 of a folder that DVC tracks.
    """

    path: str
    digest: str

    def as_dataset(self) -> "MetaDataset":
        """Return the record that MLflow shows at a run, without loading the data."""
        from mlflow.data.meta_dataset import MetaDataset

        # MLflow makes the first at runtime, and the second lacks a property that its base class declares abstract.
        from mlflow.data.sources import LocalArtifactDatasetSource  # type: ignore[attr-defined]

        source = LocalArtifactDatasetSource(self.path)
        return MetaDataset(source, name=self.path.replace("/", "-"), digest=self.digest)  # type: ignore[abstract]


def flatten(params: Params) -> dict[str, str]:
    """Return every parameter that is set, by its full name: `training.stage_one.epochs`.

    The machines of the detector are called `detector.machines`, whatever its name, so that runs of several detectors
    can be compared.

    Parameters
    ----------
    params : Params
        Of one detector.
    """
    flat: dict[str, str] = {}

    def visit(value: object, name: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                visit(inner, f"{name}.{key}" if name else key)
        elif value is not None:
            flat[as_name(name)] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    # Search spaces and comparisons are not parameters of a training.
    values = params.model_dump(mode="json", exclude=set(EXPERIMENT_SECTIONS))
    [values["detector"]] = values.pop("detectors").values()
    visit(values, "")
    return flat


def tags_of(detector: str, params: Params) -> dict[str, str]:
    """Return the tags by which runs are searched and filtered.

    Parameters
    ----------
    params : Params
        Of the detector.
    """
    tags = {"detector": detector, "machines": ", ".join(params.detectors[detector].machines), "seed": str(params.seed)}
    return tags | code_tags()


def code_tags() -> dict[str, str]:
    """Return the version of the code, and the DVC experiment if there is one."""
    tags = {}
    if commit := _git("rev-parse", "HEAD"):
        tags["mlflow.source.git.commit"] = commit
        changed = _git("status", "--porcelain", "--", "src", "params.yaml", "dvc.yaml")
        tags["uncommitted_changes"] = "yes" if changed else "no"
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags["dvc_experiment"] = experiment
    return tags


def as_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return metrics under names that MLflow accepts."""
    return {as_name(name): float(value) for name, value in metrics.items()}


def as_name(name: str) -> str:
    """Return a name without the characters that MLflow refuses; names of machines are not restricted like that."""
    return re.sub(r"[^\w\-./: ]", "_", name.replace("+", ""))


def _git(*arguments: str) -> str:
    """Return git's answer, empty outside a repository or without git."""
    try:
        # Without the option, `git status` takes the lock that a commit needs.
        command = ["git", "--no-optional-locks", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
