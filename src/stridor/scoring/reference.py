"""The references of one machine: its bank and the calibration of its scores; the interface of all scorers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.data.manifest import Clip
from stridor.data.names import Domain
from stridor.params.scoring_sections import BankParams
from stridor.params.sections import AudioParams
from stridor.scoring.bank import Bank, ReferenceBank
from stridor.scoring.embedding import Embedder
from stridor.scoring.joined import JoinedBank, load_bank
from stridor.scoring.threshold import Calibration, calibrate

CALIBRATION_FILE = "calibration.json"
# Asked for as the condition of a clip, it stands for whichever it conforms to best.
ANY_CONDITION = "any"


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a machine's reference says of some clips.

    Attributes
    ----------
    scores, thresholds, p_values : float64 [Q]
        A score is above its threshold if and only if its p-value is within the rate that was asked for.
    conditions : Q str
        The condition whose clips each p-value comes from.
    clips : Q int
        Their numbers; 0 if not known.
    nearest : Q str
        File names of the nearest recorded clips.
    """

    scores: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    p_values: NDArray[np.float64]
    conditions: tuple[str, ...]
    clips: tuple[int, ...]
    nearest: tuple[str, ...]

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Which clips are flagged, bool [Q]."""
        return self.scores > self.thresholds


class Reference(Protocol):
    """What a detector knows of one machine."""

    @property
    def calibration(self) -> Calibration:
        """What scores of normal clips are like."""

    def judge(self, embeddings: ArrayLike, rate: float | None = None, condition: str | None = None) -> Judgement:
        """Score clips by their embeddings `[Q x D]` and say how odd they are, each by itself."""


def judgement(
    calibration: Calibration,
    scores: NDArray[np.float64],
    conditions: Sequence[str | None],
    nearest: Sequence[str],
    rate: float | None = None,
) -> Judgement:
    """Say how odd scores `[Q]` are among those of normal clips of the conditions that are asked for, None for any."""
    of = {one: calibration.threshold_for(rate, one) for one in set(conditions)}
    judges = [calibration.judged_by(score, one) for score, one in zip(scores.tolist(), conditions, strict=True)]
    return Judgement(
        scores=scores,
        thresholds=np.array([of[one] for one in conditions], dtype=np.float64),
        p_values=np.array(
            [calibration.p_value(score, one) for score, one in zip(scores, conditions, strict=True)], dtype=np.float64
        ),
        conditions=tuple(name for name, _ in judges),
        clips=tuple(count for _, count in judges),
        nearest=tuple(nearest),
    )


@dataclass(frozen=True)
class MachineReference:
    """A reference bank and the threshold for its scores, stored in one folder."""

    bank: Bank
    calibration: Calibration

    @classmethod
    def fit(
        cls, embeddings: ArrayLike, clips: Sequence[Clip], params: BankParams, widths: Sequence[int] = ()
    ) -> "MachineReference":
        """Learn a machine from its normal training clips.

        Parameters
        ----------
        embeddings : float [R x D]
        clips : R Clips
            A clip whose name does not contain the domain counts as source.
        params : BankParams
        widths : sequence of int
            Where `params` has several views: how many of the D values belong to each.
        """
        domains: list[Domain] = [clip.domain or "source" for clip in clips]
        names = [clip.file_name for clip in clips]
        seconds = [clip.seconds for clip in clips]
        return cls.fit_named(embeddings, domains, names, seconds, params, widths)

    @classmethod
    def fit_named(
        cls, embeddings: ArrayLike, domains: Sequence[Domain], file_names: Sequence[str], seconds: Sequence[float],
        params: BankParams, widths: Sequence[int] = (),
    ) -> "MachineReference":  # fmt: skip
        """Learn a machine as `fit` does, from clips that are described by their domains, names and lengths."""
        bank: Bank
        if params.views:
            bank = JoinedBank([view.bank(params) for view in params.views], widths)
        else:
            bank = ReferenceBank(params)
        bank.fit(embeddings, domains, file_names)
        length = round(float(np.median(seconds)), 3)
        return cls(bank, calibrate(
            bank.leave_one_out_scores(), params.threshold_percentile, domains, params.false_alarm_rate, length
        ))  # fmt: skip

    def judge(self, embeddings: ArrayLike, rate: float | None = None, condition: str | None = None) -> Judgement:
        """Score clips and say how odd they are, each by itself.

        Parameters
        ----------
        embeddings : float [Q x D]
        rate : float in (0, 1), optional
            Share of the normal clips of a condition that may be flagged; by default that of the calibration.
        condition : str, optional
            That of the clips, if it is known. By default it is that of the nearest recorded clip: the promise is then
            one for normal clips that are nearest to a clip of their own condition. "any" takes the largest p-value of
            all conditions, which keeps the promise for each of them and finds fewer faults.

        Raises
        ------
        StridorError
            If a clip has no distance, the rate is out of range, or there is no such condition.
        """
        scores = self.bank.score_samples(embeddings)
        nearest = [ranked[0] for ranked in self.bank.neighbours(embeddings, 1)]
        asked = [self._condition(one.domain, condition) for one in nearest]
        return judgement(self.calibration, scores, asked, [one.file_name for one in nearest], rate)

    def refitted(
        self, embeddings: ArrayLike, domains: Sequence[Domain], file_names: Sequence[str]
    ) -> "MachineReference":
        """Return the reference of other clips with the same parameters, as `fit` would make it.

        Everything that clips decide is decided anew: covariances, scales of views, calibration. The length of a clip
        stays.

        Parameters
        ----------
        embeddings : float [R x D]
        domains, file_names : R str

        Raises
        ------
        StridorError
            As from `ReferenceBank.fit`.
        """
        bank, old = self.bank.like().fit(embeddings, domains, file_names), self.calibration
        scores = bank.leave_one_out_scores()
        return MachineReference(
            bank, calibrate(scores, old.percentile, domains, old.false_alarm_rate, old.clip_seconds)
        )

    def _condition(self, nearest: str, asked: str | None) -> str | None:
        """Return the condition to ask the calibration for."""
        if asked is not None:
            return None if asked == ANY_CONDITION else asked
        return nearest if self.calibration.knows(nearest) else None

    def save(self, folder: Path) -> None:
        """Write bank and calibration into `folder`."""
        self.bank.save(folder)
        self.calibration.save(folder / CALIBRATION_FILE)

    @classmethod
    def load(cls, folder: Path) -> "MachineReference":
        """Read what `save` wrote."""
        return cls(load_bank(folder), Calibration.load(folder / CALIBRATION_FILE))


class Scorer(Protocol):
    """Scores clips of one machine; the interface of all systems."""

    @property
    def calibration(self) -> Calibration:
        """What scores of normal clips are like."""

    def score(self, clips: Sequence[Clip], audio: AudioParams) -> NDArray[np.float64]:
        """Score clips from disk.

        Returns
        -------
        float64 [clips], higher is more anomalous
            A clip's score does not depend on the other clips.
        """

    def judge(self, clips: Sequence[Clip], audio: AudioParams) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Score clips from disk, as `score`, and say which a detector would flag if it were served, bool [clips]."""


@dataclass(frozen=True)
class NearestNormal:
    """The distance of a clip's embedding to the nearest normal ones, as a `Scorer`."""

    embedder: Embedder
    reference: MachineReference

    @property
    def calibration(self) -> Calibration:
        """What distances of normal clips are like."""
        return self.reference.calibration

    def score(self, clips: Sequence[Clip], audio: AudioParams) -> NDArray[np.float64]:
        """Embed clips from disk and score them against the reference bank, float64 [clips]."""
        return self.reference.bank.score_samples(self.embedder.embed_clips(clips, audio))

    def judge(self, clips: Sequence[Clip], audio: AudioParams) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Score clips from disk and say which are flagged."""
        found = self.reference.judge(self.embedder.embed_clips(clips, audio))
        return found.scores, found.flagged
