"""Stage `pool` of the sweep: embed a detector's clips once, in every layer and pooling."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stridor.data.manifest import Clip, Manifest
from stridor.models.device import device_for
from stridor.params import Params
from stridor.records import EmbeddingParams
from stridor.scoring.embedding import PooledEmbedder
from stridor.stages.entry import run_for_detector
from stridor.stages.evaluate import labelled_test_clips
from stridor.stages.places import Places
from stridor.stages.systems import FINE_TUNED, System, encoder_of
from stridor.sweep.grid import ways
from stridor.sweep.vectors import POOLED, MachineVectors
from stridor.whole import whole_folder

SYSTEMS: tuple[System, ...] = ("frozen", FINE_TUNED)


def run(places: Places, params: Params) -> None:
    """Write `sweep/pooled/<detector>/<system>/<machine>/`.

    Raises
    ------
    StridorError
        If a machine has no labelled test clips, or the encoder lacks a layer of `sweep.layers`.
    """
    manifest = Manifest.read(places.manifest)
    test = labelled_test_clips(manifest)
    with whole_folder(places.base / POOLED / places.detector) as folder:
        for system in SYSTEMS:
            encoder = encoder_of(system, places, params)
            embedder = PooledEmbedder(encoder, ways(params), device_for(params.compute))
            for machine in manifest.machines:
                vectors = pooled(embedder, machine, manifest.select("train", machine), test[machine], params)
                vectors.save(Path(folder) / system)
                print(f"{machine}, {system}: {len(vectors.train)} layers and poolings, {embedder.width} values a clip")


def pooled(
    embedder: PooledEmbedder, machine: str, train: Sequence[Clip], test: Sequence[Clip], params: Params
) -> MachineVectors:
    """Embed a machine's clips in all ways of an embedder."""
    names, vectors = [], []
    for clips in (train, test):
        parts = np.split(embedder.embed_clips(clips, params.audio), np.cumsum(embedder.widths)[:-1], axis=1)
        vectors.append({_key(way): part for way, part in zip(embedder.ways, parts, strict=True)})
        names.append(tuple(clip.file_name for clip in clips))
    return MachineVectors(machine, *names, *vectors)


def _key(way: EmbeddingParams) -> tuple[int, str]:
    return way.layer, way.pooling


if __name__ == "__main__":
    run_for_detector(run)
