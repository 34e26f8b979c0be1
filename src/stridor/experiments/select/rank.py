"""Rank ways to score for one machine by injected faults; where its test clips are labelled, measure them too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stridor.data.manifest import Clip
from stridor.data.names import Domain
from stridor.evaluation.measures import ScoredClips, measure, total_score
from stridor.experiments.select.ways import Way, views_in
from stridor.params import Params
from stridor.params.scoring_sections import ViewParams
from stridor.scoring.embedding import Embedder
from stridor.scoring.joined import JoinedBank
from stridor.selection.pseudo_auc import FaultyClips, embed_waves, pseudo_auc

# A copy of a reference scores 0.
SMALLEST = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class Ranked:
    """Measures of a way to score on one machine.

    Attributes
    ----------
    pseudo_auc : float in [0, 1]
        Of injected faults against held-out normals.
    hmean : float in [0, 1] or None
        Harmonic mean of the official measures; None without labelled test clips. Nothing is chosen by it.
    """

    pseudo_auc: float
    hmean: float | None


def rank_machine(
    machine: str,
    all_ways: Sequence[Way],
    embedder: Embedder,
    train: Sequence[Clip],
    test: Sequence[Clip],
    params: Params,
) -> dict[Way, Ranked]:
    """Measure ways to score on one machine.

    Parameters
    ----------
    embedder : Embedder
        Its parts are the views of all ways, as `views_in` lists them.
    train, test : sequence of Clip
        Normal training clips; labelled test clips, or none.

    Raises
    ------
    StridorError
        If there are fewer than ten training clips.
    """
    faulty = FaultyClips.plan(len(train), params.seed, machine)
    normal, made = (
        embedder.embed_clips(train, params.audio),
        embed_waves(embedder, faulty.waves(train, params.audio, params.seed)),
    )
    tested = embedder.embed_clips(test, params.audio) if test else None
    domains: list[Domain] = [clip.domain or "source" for clip in train]
    names = [clip.file_name for clip in train]
    everything = np.arange(len(train))
    views = list(zip(views_in(list(all_ways)), np.cumsum((0, *embedder.widths)), embedder.widths, strict=False))

    def levels(bank: NDArray[np.int64], *queries: NDArray[np.float32]) -> dict[ViewParams, list[NDArray[np.float64]]]:
        found = {}
        for view, start, width in views:
            part = slice(start, start + width)
            alone = JoinedBank([view.bank(params.bank)], [width])
            alone.fit(normal[bank, part], [domains[i] for i in bank], [names[i] for i in bank])
            # The logarithm of a single view's score is its standardised level, times the deviation.
            deviation = alone.scales_[0].deviation
            scores = [alone.score_samples(one[:, part]) for one in queries]
            found[view] = [np.log(np.maximum(one, SMALLEST)) / deviation for one in scores]
        return found

    parts: dict[bytes, dict[ViewParams, list[NDArray[np.float64]]]] = {}

    def score_by(way: Way, bank: NDArray, held_out: NDArray, derived: NDArray) -> tuple[NDArray, NDArray]:
        key = bank.tobytes()
        if key not in parts:
            parts[key] = levels(bank, normal[held_out], made[derived])
        held, changed = (_joined(parts[key], way, i) for i in range(2))
        return held, changed

    official = levels(everything, tested) if tested is not None else None
    return {
        way: Ranked(
            pseudo_auc(len(train), faulty, lambda *of, way=way: score_by(way, *of), params.seed, machine),
            None if official is None else _hmean(machine, test, _joined(official, way, 0)),
        )
        for way in all_ways
    }


def _joined(levels: Mapping[ViewParams, list[NDArray[np.float64]]], way: Way, which: int) -> NDArray[np.float64]:
    """Join views as a bank does, but for a monotonic function that changes no rank."""
    return np.asarray(np.mean([levels[view][which] for view in way.views], axis=0))


def _hmean(machine: str, clips: Sequence[Clip], scores: NDArray[np.float64]) -> float:
    labelled = ScoredClips(
        machine,
        [clip.file_name for clip in clips],
        [clip.domain or "source" for clip in clips],
        [clip.label or "normal" for clip in clips],
        scores,
    )
    return float(total_score([measure(labelled)]))
