"""The references of one machine: its bank and the calibration of its scores; the interface of all scorers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.data.manifest import Clip
from stridor.params.sections import AudioParams, BankParams
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.embedding import Embedder
from stridor.scoring.threshold import Calibration, calibrate

CALIBRATION_FILE = "calibration.json"


@dataclass(frozen=True)
class MachineReference:
    """A reference bank and the threshold for its scores, stored in one folder."""

    bank: ReferenceBank
    calibration: Calibration

    @classmethod
    def fit(cls, embeddings: ArrayLike, clips: Sequence[Clip], params: BankParams) -> "MachineReference":
        """Learn a machine from its normal training clips.

        Parameters
        ----------
        embeddings : float [R x D]
        clips : R Clips
            A clip whose name does not contain the domain counts as source.
        """
        bank = ReferenceBank(params).fit(
            embeddings, [clip.domain or "source" for clip in clips], [clip.file_name for clip in clips]
        )
        seconds = round(float(np.median([clip.seconds for clip in clips])), 3)
        return cls(bank, calibrate(
            bank.leave_one_out_scores(), params.threshold_percentile, bank.domains_, params.false_alarm_rate, seconds
        ))  # fmt: skip

    def save(self, folder: Path) -> None:
        """Write bank and calibration into `folder`."""
        self.bank.save(folder)
        self.calibration.save(folder / CALIBRATION_FILE)

    @classmethod
    def load(cls, folder: Path) -> "MachineReference":
        """Read what `save` wrote."""
        return cls(ReferenceBank.load(folder), Calibration.load(folder / CALIBRATION_FILE))


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
