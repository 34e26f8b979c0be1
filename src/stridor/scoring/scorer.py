"""What every system offers for a machine: a score for any clip, and the score from which on it is anomalous."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stridor.data.manifest import Clip
from stridor.records import AudioParams
from stridor.scoring.embedding import Embedder
from stridor.scoring.reference import MachineReference
from stridor.scoring.threshold import Calibration


class Scorer(Protocol):
    """Scores clips of one machine, whatever the system behind it."""

    @property
    def calibration(self) -> Calibration:
        """From which score on a clip counts as anomalous."""

    def score(self, clips: Sequence[Clip], audio: AudioParams) -> NDArray[np.float64]:
        """Score clips from disk.

        Returns
        -------
        float64 [clips], higher is more anomalous
            A clip's score is the same alone and among others.
        """


@dataclass(frozen=True)
class NearestNormal:
    """The distance of a clip's embedding to the nearest normal ones, as a `Scorer`."""

    embedder: Embedder
    reference: MachineReference

    @property
    def calibration(self) -> Calibration:
        """From which distance on a clip counts as anomalous."""
        return self.reference.calibration

    def score(self, clips: Sequence[Clip], audio: AudioParams) -> NDArray[np.float64]:
        """Embed clips from disk and score them against the reference bank, float64 [clips]."""
        return self.reference.bank.score_samples(self.embedder.embed_clips(clips, audio))
