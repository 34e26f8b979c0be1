"""Scores of labelled test clips that travel with a version, so that it can be compared with others."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stridor.audio.files import read_clip
from stridor.common.atomic import atomic_file
from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.data.names import Domain, Label
from stridor.evaluation.measures import ScoredClips
from stridor.serving.detector import Detector


@dataclass(frozen=True)
class KeptScore:
    """The score of one test clip.

    Attributes
    ----------
    path : str
        Relative to the project's root.
    md5 : str
        Of the file.
    domain, label : str
    score : float
    """

    path: str
    machine: str
    md5: str
    domain: Domain
    label: Label
    score: float


def write_scores(path: Path, scores: Sequence[KeptScore]) -> None:
    """Write scores as JSON; equal scores give equal bytes."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps([asdict(one) for one in scores], indent=0) + "\n", encoding="utf-8")


def read_scores(path: Path) -> list[KeptScore]:
    """Read what `write_scores` wrote.

    Raises
    ------
    StridorError
        If the file cannot be read.
    """
    try:
        return [KeptScore(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise StridorError(f"{path} holds no scores of test clips ({error}); register the detector again.") from None


def as_scored(scores: Sequence[KeptScore]) -> list[ScoredClips]:
    """Return scores by machine, as measures need them."""
    by_machine: dict[str, list[KeptScore]] = {}
    for one in scores:
        by_machine.setdefault(one.machine, []).append(one)
    return [
        ScoredClips(
            machine, [Path(one.path).name for one in of], [one.domain for one in of], [one.label for one in of],
            [one.score for one in of],  # type: ignore[arg-type]
        )
        for machine, of in sorted(by_machine.items())
    ]  # fmt: skip


def same_clips(first: Sequence[KeptScore], second: Sequence[KeptScore]) -> bool:
    """Tell whether two versions scored the same sounds under the same labels."""
    return _clips(first) == _clips(second)


def are_here(scores: Sequence[KeptScore]) -> bool:
    """Tell whether the test clips lie, unchanged, below the working directory."""
    return all(Path(one.path).is_file() and file_md5(Path(one.path)) == one.md5 for one in scores)


def scored_again(detector: Detector, scores: Sequence[KeptScore]) -> list[KeptScore]:
    """Score the same clips by another detector, each as a whole, as the pipeline does.

    Raises
    ------
    StridorError
        If a clip cannot be scored, or the detector has not learnt its machine.
    """
    again = []
    for one in scores:
        machine = detector.known_machine(one.machine, one.path)
        embedding = detector.embedder.embed([read_clip(one.path, detector.audio.channel)], [one.path])
        score = float(detector.references[machine].judge(embedding).scores[0])
        again.append(replace(one, score=score))
    return again


def _clips(scores: Sequence[KeptScore]) -> set[tuple[str, str, str, str, str]]:
    return {(one.machine, Path(one.path).name, one.md5, one.domain, one.label) for one in scores}
