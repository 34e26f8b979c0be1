"""Registering a detector: tried out first, described by a card, then compared with the one that is served."""

from collections.abc import Sequence

from stridor.params.sections import EvaluationParams
from stridor.serving.detector import Detector
from stridor.serving.kept_scores import KeptScore
from stridor.serving.standing import Standing, enter
from stridor.tracking.candidate import Candidate
from stridor.tracking.registry import example_wave, register


def register_detector(
    candidate: Candidate,
    scores: Sequence[KeptScore] = (),
    evaluation: EvaluationParams = EvaluationParams(),  # noqa: B008, the record is frozen
    seed: int = 0,
) -> Standing:
    """Register a detector that works, and serve it if it is not worse than the one that is served.

    Parameters
    ----------
    candidate : Candidate
    scores : sequence of KeptScore
        Of its labelled test clips; none where there are none.
    evaluation, seed
        Of the comparison.

    Raises
    ------
    StridorError
        If its files do not work together, or the store fails.
    """
    # MLflow registers a model even if it fails on its example.
    detector = Detector.from_files(candidate.files, candidate.config)
    for machine in detector.machines:
        embedding = detector.embedder.embed([example_wave()])
        detector.references[machine].judge(embedding)
    return enter(candidate.detector, register(candidate), scores, evaluation, seed)
