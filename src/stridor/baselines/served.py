"""The organisers' autoencoder as a detector that is served: waves in, scores and verdicts out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from stridor.baselines.features import LogMel, frame_count
from stridor.baselines.machine import MachineAutoencoder, Score, scores_of_frames
from stridor.scoring.embedding import Embedder
from stridor.scoring.reference import ANY_CONDITION, Judgement, judgement
from stridor.scoring.threshold import Calibration


class AutoencoderEmbedder(Embedder):
    """The score of a clip by the autoencoder of every machine: an embedding with one value for each.

    Parameters
    ----------
    fitted : sequence of MachineAutoencoder
    kind : "mse" or "mahalanobis"
    device : str or torch.device
        That of the autoencoders.
    """

    # Scores are compared with thresholds to the last digit that the pipeline computes.
    precision = torch.float64

    def __init__(self, fitted: Sequence[MachineAutoencoder], kind: Score, device: str | torch.device = "cpu") -> None:
        super().__init__([1] * len(fitted), device)
        self.fitted, self.kind = tuple(fitted), kind
        self.log_mel = LogMel().to(device)

    def embed_batch(self, wave: Tensor, lengths: Tensor) -> Tensor:
        """Score waves `[B x T]` by every autoencoder, Tensor[B x machines]."""
        image = self.log_mel(wave)
        frames = [one[: frame_count(int(length))] for one, length in zip(image, lengths, strict=True)]
        columns = [scores_of_frames(one.network, frames, one.covariances)[self.kind] for one in self.fitted]
        return torch.from_numpy(np.stack(columns, axis=1))


@dataclass(frozen=True)
class AutoencoderReference:
    """What scores of one machine's autoencoder mean; there is no nearest normal clip.

    Attributes
    ----------
    column : int
        Where its scores are among those of `AutoencoderEmbedder`.
    calibration : Calibration
        Of clips that the autoencoder was trained on: it promises nothing.
    """

    column: int
    calibration: Calibration

    def judge(self, embeddings: ArrayLike, rate: float | None = None, condition: str | None = None) -> Judgement:
        """Say how odd clips are by their scores `[Q x machines]`; by default for whichever condition they are of.

        Raises
        ------
        StridorError
            If the rate is out of range, or there is no such condition.
        """
        scores = np.asarray(embeddings, dtype=np.float64)[:, self.column]
        asked = [None if condition == ANY_CONDITION else condition] * len(scores)
        return judgement(self.calibration, scores, asked, [""] * len(scores), rate)


def load_autoencoder(
    folder: Path, machines: Sequence[str], kind: Score, device: str | torch.device = "cpu"
) -> tuple[AutoencoderEmbedder, dict[str, AutoencoderReference]]:
    """Read the autoencoders of some machines from `folder/<machine>/`.

    Raises
    ------
    StridorError
        If one is missing or cannot be read.
    """
    fitted = [MachineAutoencoder.load(folder / machine, device) for machine in machines]
    references = {
        machine: AutoencoderReference(column, one.calibrations[kind])
        for column, (machine, one) in enumerate(zip(machines, fitted, strict=True))
    }
    return AutoencoderEmbedder(fitted, kind, device), references
