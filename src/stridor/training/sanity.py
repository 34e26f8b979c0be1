"""Check of the separation: distances to the target on held-out mixtures, compared with trivial estimates."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from stridor.audio.batches import pad, similar_length_batches
from stridor.audio.fbank import DECIBELS_PER_UNIT, MEL_BANDS, frame_counts
from stridor.audio.files import read_clip
from stridor.common.seeds import rng_for
from stridor.models.encoder import PATCH
from stridor.params import Params
from stridor.training.loader import collate
from stridor.training.task import SeparationTask
from stridor.training.triples import TrainingSet, draw_triple

SNRS_DB = (-5.0, 0.0, 5.0, 10.0)
# At higher SNRs the mixture is so close to the target that an estimate from tokens can hardly be closer.
BEATS_MIXTURE_UP_TO_DB = 0.0


def log_spectral_distance_db(image: Tensor, other: Tensor) -> Tensor:
    """Return the log-spectral distance in decibels: root mean square over the bands, then mean over the frames.

    Parameters
    ----------
    image, other : Tensor[... x frames x 128]
        On the encoder's normalised scale.

    Returns
    -------
    Tensor[...]
    """
    return (image - other).square().mean(-1).sqrt().mean(-1) * DECIBELS_PER_UNIT


@dataclass(frozen=True)
class Separation:
    """Mean log-spectral distances (dB) to the target, over held-out clips of one machine at one SNR."""

    machine: str
    snr_db: float
    clips: int
    estimate_db: float
    mixture_db: float
    mean_spectrum_db: float

    @property
    def learnt(self) -> bool:
        """Whether the estimate is closer than the mean spectrum, and at low SNR also closer than the mixture."""
        beats_mixture = self.estimate_db < self.mixture_db or self.snr_db > BEATS_MIXTURE_UP_TO_DB
        return beats_mixture and self.estimate_db < self.mean_spectrum_db


class _Mixed(NamedTuple):
    """Held-out clips mixed at one SNR: a batch of log-mel images `[B x frames x 128]`, 0.5 MB a clip of 10 s."""

    snr_db: float
    machines: list[str]
    mixtures: Tensor
    targets: Tensor
    frames: Tensor


class SanityCheck:
    """Separation of held-out triples of every machine, which are mixed in the same way at every call.

    Parameters
    ----------
    mean_spectra : dict of str to Tensor[128]
        Mean log-mel spectrum of each machine's training clips.
    """

    def __init__(self, data: TrainingSet, params: Params, mean_spectra: dict[str, Tensor]) -> None:
        self.data, self.params, self.mean_spectra = data, params, mean_spectra
        self._mixed: list[_Mixed] = []

    @torch.no_grad()
    def __call__(self, task: SeparationTask) -> list[Separation]:
        """Measure a task's encoder and separator; the task's training mode is restored afterwards."""
        was_training = task.training
        task.eval()
        device = task.separator.mean_spectra.device
        self._mixed = self._mixed or list(self._mix(task, device))
        found: dict[tuple[str, float], list[tuple[float, float, float]]] = defaultdict(list)
        for snr_db, machines, mixtures, targets, frames in self._mixed:
            estimates = task.separator(task.encoder.encode(mixtures, frames), mixtures)[:, 0]
            for row, machine in enumerate(machines):
                counted = int(frames[row]) // PATCH * PATCH
                target = targets[row, :counted]
                guesses = estimates[row, :counted], mixtures[row, :counted], self.mean_spectra[machine].to(device)
                estimate, mixture, mean = (float(log_spectral_distance_db(guess, target)) for guess in guesses)
                found[machine, snr_db].append((estimate, mixture, mean))
        task.train(was_training)
        return [
            Separation(machine, snr_db, len(rows), *(sum(column) / len(rows) for column in zip(*rows, strict=True)))
            for (machine, snr_db), rows in sorted(found.items())
        ]

    def _mix(self, task: SeparationTask, device: torch.device) -> Iterator[_Mixed]:
        examples = self.data.held_out
        for snr_db in SNRS_DB:
            for indices in similar_length_batches([e.samples for e in examples], self.params.training.batch_size):
                chosen = [examples[i] for i in indices]
                batch = collate([
                    draw_triple(e, self.data.interferers, self.params,
                                rng_for(self.params.seed, "sanity", e.clip.path, str(snr_db)), snr_db)
                    for e in chosen
                ])  # fmt: skip
                yield _Mixed(
                    snr_db, [example.clip.machine for example in chosen],
                    task.encoder.log_mel(batch.mixture.to(device)), task.encoder.log_mel(batch.target.to(device)),
                    frame_counts(batch.lengths.to(device)),
                )  # fmt: skip


@torch.no_grad()
def machine_mean_spectra(data: TrainingSet, task: SeparationTask, params: Params) -> dict[str, Tensor]:
    """Return the mean log-mel spectrum `[128]` of each machine's training clips, without supplemental ones."""
    sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros(MEL_BANDS, dtype=torch.float64))
    counts: dict[str, int] = defaultdict(int)
    device = task.separator.mean_spectra.device
    for example in data.examples:
        if example.pair is None:
            wave, _ = pad([read_clip(example.clip.path, params.audio.channel)])
            image = task.encoder.log_mel(wave.to(device))[0].double().cpu()
            sums[example.clip.machine] += image.sum(0)
            counts[example.clip.machine] += len(image)
    return {machine: (total / counts[machine]).float() for machine, total in sums.items()}
