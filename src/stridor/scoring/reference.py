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
        bank: Bank
        if params.views:
            bank = JoinedBank([view.bank(params) for view in params.views], widths).fit(embeddings, domains, names)
        else:
            bank = ReferenceBank(params).fit(embeddings, domains, names)
        return cls(bank, calibrate(bank.leave_one_out_scores(), params.threshold_percentile))

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
        """The score above which a clip counts as anomalous."""

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
        """The distance above which a clip counts as anomalous."""
        return self.reference.calibration

    def score(self, clips: Sequence[Clip], audio: AudioParams) -> NDArray[np.float64]:
        """Embed clips from disk and score them against the reference bank, float64 [clips]."""
        return self.reference.bank.score_samples(self.embedder.embed_clips(clips, audio))
