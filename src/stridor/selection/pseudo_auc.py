"""Pseudo-anomaly AUC: how well a way to score tells injected faults from held-out normals, without any label."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stridor.audio.files import read_clip
from stridor.common.errors import StridorError
from stridor.common.seeds import rng_for
from stridor.data.manifest import Clip
from stridor.evaluation.roc import roc_areas
from stridor.params.scoring_sections import BankParams
from stridor.params.sections import AudioParams
from stridor.scoring.embedding import Embedder
from stridor.scoring.reference import MachineReference
from stridor.selection.faults import FAULTS, inject

FOLDS = 5
# Waves in memory at a time.
CHUNK = 64
# Of each fault; more say little more and cost as much as embedding the clips of a machine.
MOST_CLIPS = 60
FEWEST_CLIPS = 2 * FOLDS

Scorer = Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], tuple[NDArray, NDArray]]


@dataclass(frozen=True, eq=False)
class FaultyClips:
    """Which faults are injected into which normal clips of a machine.

    Attributes
    ----------
    faults : tuple of F str
        Keys of `FAULTS`.
    sources : int64 [F]
        Index of the normal clip that each was injected into.
    """

    faults: tuple[str, ...]
    sources: NDArray[np.int64]

    @classmethod
    def plan(cls, clips: int, seed: int, machine: str) -> "FaultyClips":
        """Spread every fault over the normal clips of a machine.

        Raises
        ------
        StridorError
            If there are fewer than ten clips.
        """
        if clips < FEWEST_CLIPS:
            raise StridorError(
                f"The machine '{machine}' has {clips} normal clips, too few to choose by injected faults (at least "
                f"{FEWEST_CLIPS}); add normal clips, or keep the parameters as they are."
            )
        faults: list[str] = []
        sources: list[int] = []
        for fault in FAULTS:
            chosen = rng_for(seed, "faults", machine, fault).permutation(clips)[:MOST_CLIPS]
            faults += [fault] * len(chosen)
            sources += sorted(chosen.tolist())
        return cls(tuple(faults), np.array(sources))

    def waves(self, clips: Sequence[Clip], audio: AudioParams, seed: int) -> Iterator[NDArray[np.float32]]:
        """Read the normal clips and yield each with its fault, one at a time.

        Parameters
        ----------
        clips : sequence of Clip
            The normal clips that `plan` counted.
        """
        for fault, source in zip(self.faults, self.sources.tolist(), strict=True):
            rng = rng_for(seed, "fault", clips[source].path, fault)
            other = (source + 1 + int(rng.integers(len(clips) - 1))) % len(clips)
            wave, another = (read_clip(clips[one].path, audio.channel) for one in (source, other))
            yield inject(fault, wave, another, rng)


def pseudo_auc(clips: int, faulty: FaultyClips, score: Scorer, seed: int, machine: str) -> float:
    """Compute the mean over faults of the AUC of faulty clips against the normal clips that were held out.

    The normal clips are divided into five parts. Each part, and the clips made from it, is scored by a bank of the
    other parts; so neither side is scored by a bank that holds its own recording. Wilkinghoff and Tan (2025) select
    systems in this way; the faults are stridor's own.

    Parameters
    ----------
    clips : int
        Number of normal clips.
    faulty : FaultyClips
    score : callable
        Given the indices of normal clips for the bank, of normal clips and of faulty clips to score, returns the
        scores of these two.
    seed : int
        Draws the parts.

    Returns
    -------
    float in [0, 1]
    """
    normal, made = np.empty(clips), np.empty(len(faulty.faults))
    for fold in folds(clips, faulty, seed, machine):
        normal[fold.held_out], made[fold.derived] = score(*fold)
    return mean_fault_auc(normal, made, faulty)


class Fold(NamedTuple):
    """A fifth of the normal clips, which the others are the bank for.

    Attributes
    ----------
    kept, held_out : int64 arrays
        Indices of normal clips: those of the bank, and the others.
    derived : int64 array
        Indices of the faulty clips that were made from the others.
    """

    kept: NDArray[np.int64]
    held_out: NDArray[np.int64]
    derived: NDArray[np.int64]


def folds(clips: int, faulty: FaultyClips, seed: int, machine: str) -> list[Fold]:
    """Divide the normal clips, and with them the faulty ones, into five parts."""
    fold = np.arange(clips) % FOLDS
    rng_for(seed, "folds", machine).shuffle(fold)
    source_fold = fold[faulty.sources]
    return [
        Fold(np.flatnonzero(fold != part), np.flatnonzero(fold == part), np.flatnonzero(source_fold == part))
        for part in range(FOLDS)
    ]


def mean_fault_auc(normal: NDArray[np.float64], made: NDArray[np.float64], faulty: FaultyClips) -> float:
    """Return the mean over faults of the AUC of the scores of faulty clips `[F]` against those of normal ones."""
    kinds = np.array(faulty.faults)
    return float(np.mean([_auc(normal, made[kinds == fault]) for fault in FAULTS]))


def machine_pseudo_auc(
    machine: str, embedder: Embedder, clips: Sequence[Clip], audio: AudioParams, bank: BankParams, seed: int
) -> float:
    """Compute the pseudo-anomaly AUC of a detector's way to score on one machine.

    Parameters
    ----------
    embedder : Embedder
    clips : sequence of Clip
        The normal training clips.
    bank : BankParams

    Raises
    ------
    StridorError
        If there are fewer than ten clips.
    """
    faulty = FaultyClips.plan(len(clips), seed, machine)
    normal = embedder.embed_clips(clips, audio)
    made = embed_waves(embedder, faulty.waves(clips, audio, seed))

    def score(kept: NDArray, held_out: NDArray, derived: NDArray) -> tuple[NDArray, NDArray]:
        reference = MachineReference.fit(normal[kept], [clips[i] for i in kept], bank, embedder.widths)
        return reference.bank.score_samples(normal[held_out]), reference.bank.score_samples(made[derived])

    return pseudo_auc(len(clips), faulty, score, seed, machine)


def embed_waves(embedder: Embedder, waves: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Embed waves, some at a time to limit memory, float32 [N x width]."""
    left, parts = iter(waves), []
    while some := list(islice(left, CHUNK)):
        parts.append(embedder.embed(some))
    return np.concatenate(parts)


def _auc(normal: NDArray[np.float64], faulty: NDArray[np.float64]) -> float:
    anomalous = np.r_[np.zeros(len(normal), dtype=bool), np.ones(len(faulty), dtype=bool)]
    once = np.ones((1, len(anomalous)), dtype=int)
    return float(roc_areas(np.r_[normal, faulty], anomalous, ~anomalous, once, None)[0])
