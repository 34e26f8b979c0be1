"""What is to be registered: the files of a detector, what loading them needs, and what is known of it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stridor.common.project import code_md5
from stridor.params import Params
from stridor.params.scoring_sections import EmbeddingParams, View
from stridor.params.sections import AudioParams
from stridor.tracking.describe import flatten, tags_of

PACKAGE = Path(__file__).resolve().parents[1]
# Scores of test clips: they say how good a version is, and nothing of what it answers.
SCORES = "scores"


@dataclass(frozen=True)
class Candidate:
    """A detector to be registered as `stridor-<detector>`.

    Attributes
    ----------
    detector : str
    files : mapping of str to Path
        As `Detector.from_files` takes them, and `scores`, a file with those of test clips, where there are any.
    config : mapping
        As from `model_config`.
    description : str
        The model card.
    measures : mapping of str to float
        Shown at the model and its run.
    run_id : str, optional
        The training's run; without one, the measures go to a run of their own.
    values : mapping of str to str
        Parameters, shown at the model.
    tags : mapping of str to str
        Of the run, the model and the version.
    experiment : str
        Where a run of its own is filed.
    """

    detector: str
    files: Mapping[str, Path]
    config: Mapping[str, Any]
    description: str = ""
    measures: Mapping[str, float] = field(default_factory=dict)
    run_id: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    experiment: str = "stridor"

    @property
    def content_md5(self) -> str:
        """A digest of everything that a detector's answers depend on: settings, code, weights and banks."""
        digest = hashlib.md5(json.dumps(self.config, sort_keys=True).encode(), usedforsecurity=False)
        for name, place in sorted(self.files.items()):
            if name == SCORES:
                continue
            files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
            for path in files:
                inside = path.relative_to(place).as_posix() if place.is_dir() else ""
                digest.update(f"{name} {inside} {path.stat().st_size} ".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()


def candidate_of(
    detector: str,
    params: Params,
    files: Mapping[str, Path],
    config: Mapping[str, Any],
    measures: Mapping[str, float],
    run_id: str | None = None,
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> Candidate:
    """Return a detector of params.yaml as a candidate; `params` are its own."""
    return Candidate(
        detector=detector,
        files=files,
        config=config,
        description=description,
        measures=measures,
        run_id=run_id,
        values=flatten(params),
        tags=tags_of(detector, params) | dict(tags or {}),
        experiment=params.tracking.experiment,
    )


def model_config(
    machines: tuple[str, ...],
    audio: AudioParams,
    embedding: EmbeddingParams,
    views: tuple[View, ...] = (),
    **more: Any,
) -> dict[str, Any]:
    """Return what a served detector needs in addition to its files.

    Parameters
    ----------
    machines : tuple of str
    audio : AudioParams
    embedding : EmbeddingParams
        Of the only view, where `views` is empty.
    views : tuple of (str, EmbeddingParams)
        As from `views_of`, where there are several, or none is by an encoder of its own.
    **more
        `system`, what it is, and what the model card says of its encoder.
    """
    config: dict[str, Any] = {
        "machines": list(machines),
        "audio": audio.model_dump(mode="json"),
        "embedding": embedding.model_dump(mode="json"),
        "code": code_md5(PACKAGE),
        "device": "cpu",
    } | more
    if views:
        config["views"] = [{"encoder": name, "embedding": way.model_dump(mode="json")} for name, way in views]
    return config
