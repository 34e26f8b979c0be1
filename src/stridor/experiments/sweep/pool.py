"""Stage `pool` of the sweep: embed a detector's clips once, in every layer and pooling."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stridor.common.atomic import atomic_folder
from stridor.common.compute import device_for
from stridor.data.manifest import Clip, Manifest
from stridor.experiments.sweep.grid import embedding_settings
from stridor.experiments.sweep.vectors import POOLED, MachineVectors
from stridor.params import Params
from stridor.scoring.embedding import EncoderEmbedder
from stridor.selection.pseudo_auc import FEWEST_CLIPS, FaultyClips, embed_waves
from stridor.stages.evaluate import labelled_test_clips
from stridor.stages.layout import Layout, run_for_detector
from stridor.stages.scorers import encoder_of
from stridor.stages.systems import FINE_TUNED, System

SYSTEMS: tuple[System, ...] = ("frozen", FINE_TUNED)


def run(layout: Layout, params: Params) -> None:
    """Write `experiments/sweep/pooled/<detector>/<system>/<machine>/`.

    Raises
    ------
    StridorError
        If a machine has no labelled test clips, or the encoder lacks a layer of `sweep.layers`.
    """
    manifest = Manifest.read(layout.manifest)
    test = labelled_test_clips(manifest)
    with atomic_folder(layout.base / POOLED / layout.detector) as folder:
        for system in SYSTEMS:
            encoder = encoder_of(system, layout, params)
            embedder = EncoderEmbedder(encoder, embedding_settings(params), device_for(params.compute.accelerator))
            for machine in manifest.machines:
                vectors = embed_machine(embedder, machine, manifest.select("train", machine), test[machine], params)
                vectors.save(Path(folder) / system)
                print(f"{machine}, {system}: {len(vectors.train)} layers and poolings, {embedder.width} values a clip")


def embed_machine(
    embedder: EncoderEmbedder, machine: str, train: Sequence[Clip], test: Sequence[Clip], params: Params
) -> MachineVectors:
    """Embed a machine's clips with all settings of an embedder, and normal ones with injected faults."""

    def split(embedded: NDArray[np.float32]) -> dict[tuple[int, str], NDArray[np.float32]]:
        parts = np.split(embedded, np.cumsum(embedder.widths)[:-1], axis=1)
        return {(one.layer, one.pooling): part for one, part in zip(embedder.settings, parts, strict=True)}

    faulty = {}
    if len(train) >= FEWEST_CLIPS:
        planned = FaultyClips.plan(len(train), params.seed, machine)
        faulty = split(embed_waves(embedder, planned.waves(train, params.audio, params.seed)))
    known, unknown = (split(embedder.embed_clips(clips, params.audio)) for clips in (train, test))
    train_names, test_names = (tuple(clip.file_name for clip in clips) for clips in (train, test))
    return MachineVectors(machine, train_names, test_names, known, unknown, faulty)


if __name__ == "__main__":
    run_for_detector(run)
