"""The official measures of DCASE Task 2 for one machine, and the total over machines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.common.errors import StridorError
from stridor.data.names import DOMAINS, LABELS, Domain, Label

MAX_FALSE_POSITIVE_RATE = 0.1


@dataclass(frozen=True, eq=False)
class ScoredClips:
    """The scored test clips of one machine, kept in the order of their file names.

    Attributes
    ----------
    file_names : tuple of N str
    domains, labels : tuple of N str
        "source" or "target", "normal" or "anomaly"; the None of a name that hides them is refused.
    scores : float64 [N]
        Higher is more anomalous.

    Raises
    ------
    StridorError
        If a score is not finite, a file name occurs twice, lengths differ, or a domain or label is unknown.

    Examples
    --------
    >>> from stridor import ScoredClips
    >>> clips = ScoredClips("pump", ["b.wav", "a.wav"], ["source"] * 2, ["anomaly", "normal"], [0.7, 0.2])
    >>> clips.file_names
    ('a.wav', 'b.wav')
    """

    machine: str
    file_names: Sequence[str]
    domains: Sequence[Domain | None]
    labels: Sequence[Label | None]
    scores: NDArray[np.float64]

    def __post_init__(self) -> None:
        scores = np.asarray(self.scores, dtype=np.float64)
        shapes = {(len(self.file_names),), (len(self.domains),), (len(self.labels),), scores.shape}
        if len(shapes) > 1:
            raise StridorError(
                f"{self.machine}: {len(self.file_names)} file names, {len(self.domains)} domains, "
                f"{len(self.labels)} labels and scores of shape {scores.shape} do not fit together; "
                "give one of each per clip."
            )
        # Resampling draws by position: with a fixed order, intervals do not depend on the caller's order.
        order = sorted(range(len(scores)), key=lambda i: self.file_names[i])
        for name in ("file_names", "domains", "labels"):
            values = getattr(self, name)
            object.__setattr__(self, name, tuple(values[i] for i in order))
        object.__setattr__(self, "scores", scores[order])
        self._check()

    def _check(self) -> None:
        for i, name in enumerate(self.file_names):
            if i and name == self.file_names[i - 1]:
                raise StridorError(f"{self.machine}: the clip {name} is scored twice; score every clip once.")
            if not np.isfinite(self.scores[i]):
                raise StridorError(
                    f"{self.machine}: the score of {name} is {self.scores[i]}; look for broken samples "
                    "in that clip or for a training run that diverged."
                )
            if self.domains[i] not in DOMAINS or self.labels[i] not in LABELS:
                raise StridorError(
                    f"{self.machine}: {name} has the domain {self.domains[i]!r} and the label "
                    f"{self.labels[i]!r}; measures need {' or '.join(DOMAINS)} and {' or '.join(LABELS)}."
                )

    @property
    def anomalous(self) -> NDArray[np.bool_]:
        """Which clips are anomalies, bool [N]."""
        return np.array(self.labels, dtype=object) == "anomaly"

    def in_domain(self, domain: Domain) -> NDArray[np.bool_]:
        """Return which clips belong to a domain, bool [N]."""
        return np.array(self.domains, dtype=object) == domain


@dataclass(frozen=True)
class MachineMeasures:
    """The measures that the challenge reports for one machine, all in [0, 1].

    Attributes
    ----------
    auc_source, auc_target : float
        Area under the ROC curve of the domain's normal clips against the anomalies of *both* domains.
    pauc : float
        Partial area of all clips up to a false positive rate of 0.1, standardised after McClish (1989) so
        that guessing gives 0.5.
    """

    auc_source: float
    auc_target: float
    pauc: float


def measure(clips: ScoredClips) -> MachineMeasures:
    """Compute the official measures of one machine.

    Raises
    ------
    StridorError
        If there are no anomalies, or no normal clips of a domain.

    Examples
    --------
    >>> from stridor import ScoredClips, measure
    >>> names, domains = ["0.wav", "1.wav", "2.wav", "3.wav"], ["source", "source", "target", "target"]
    >>> labels, scores = ["normal", "anomaly", "normal", "anomaly"], [0.2, 0.7, 0.5, 0.4]
    >>> measured = measure(ScoredClips("pump", names, domains, labels, scores))
    >>> measured.auc_source, measured.auc_target
    (1.0, 0.5)
    """
    from sklearn.metrics import roc_auc_score

    require_every_stratum(clips)
    anomalous = clips.anomalous

    def auc(domain: Domain) -> float:
        counts = anomalous | clips.in_domain(domain)
        return float(roc_auc_score(anomalous[counts], clips.scores[counts]))

    pauc = roc_auc_score(anomalous, clips.scores, max_fpr=MAX_FALSE_POSITIVE_RATE)
    return MachineMeasures(auc_source=auc("source"), auc_target=auc("target"), pauc=float(pauc))


def require_every_stratum(clips: ScoredClips) -> None:
    """Raise a StridorError if the clips lack anomalies or normal clips of a domain."""
    if not clips.anomalous.any():
        raise StridorError(
            f"{clips.machine}: there are no anomalies among its {len(clips.scores)} test clips; measures "
            "need at least one."
        )
    for domain in DOMAINS:
        if not (clips.in_domain(domain) & ~clips.anomalous).any():
            raise StridorError(
                f"{clips.machine}: there are no normal test clips of the {domain} domain; measures need at least one."
            )


def harmonic_mean(values: ArrayLike, axis: int | tuple[int, ...] | None = None) -> NDArray[np.float64]:
    """Return the harmonic mean along an axis or several; it is 0 where any value is 0.

    Parameters
    ----------
    values : float [...], not negative and not empty along `axis`
    axis : int, tuple of int, or None
        None takes all values together.
    """
    values = np.asarray(values, dtype=np.float64)
    positive = values > 0
    mean = np.ones_like(values).sum(axis=axis) / np.sum(1.0 / np.where(positive, values, 1.0), axis=axis)
    return np.where(positive.all(axis=axis), mean, 0.0)


def total_score(machines: Iterable[MachineMeasures]) -> float:
    """Return the official total: the harmonic mean of the three measures of all machines.

    Raises
    ------
    StridorError
        If there is no machine.
    """
    values = [(one.auc_source, one.auc_target, one.pauc) for one in machines]
    if not values:
        raise StridorError("A total score needs the measures of at least one machine; none were given.")
    return float(harmonic_mean(values))


def false_alarm_rate(clips: ScoredClips, threshold: float, domain: Domain) -> float | None:
    """Return the share of a domain's normal clips whose score is strictly above the threshold; None if it has none."""
    normal = clips.scores[clips.in_domain(domain) & ~clips.anomalous]
    return float(np.mean(normal > threshold)) if normal.size else None
