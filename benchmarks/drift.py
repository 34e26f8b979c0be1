"""What training does to the embeddings: every trained encoder scored in two ways, and how far it has drifted.

Run in the project's root after `make repro` (and `make table`, whose variants are looked at as well):

    python benchmarks/drift.py

*Literal* is the report's scoring (last layer, mean, nearest neighbour, Euclidean distance), *params* that of
params.yaml. Drift is the mean cosine similarity of the test clips' mean-pooled embeddings to those of the encoder
that training started from; 1 is no drift. These are the tables of docs/FINDINGS.md.
"""

from functools import partial
from pathlib import Path

import numpy as np

from stridor.cores import settle_threads
from stridor.data.manifest import Manifest
from stridor.models.beats import Beats
from stridor.models.checkpoint import initial_encoder, load_encoder
from stridor.models.device import device_for
from stridor.params import Params, read_params
from stridor.records import BankParams, EmbeddingParams
from stridor.scoring.bootstrap import bootstrap_differences, bootstrap_intervals
from stridor.scoring.embedding import PooledEmbedder
from stridor.scoring.measures import ScoredClips, measure, total_score
from stridor.scoring.reference import MachineReference
from stridor.scoring.table import difference_text, interval_text
from stridor.stages.evaluate import labelled_test_clips
from stridor.stages.places import Places
from stridor.table.cells import CellPlaces

LITERAL = (EmbeddingParams(), BankParams())
FROZEN = "frozen"
LAYERS = (EmbeddingParams(), EmbeddingParams(layer=1))


def encoder_paths(params: Params) -> dict[str, dict[str, Path]]:
    """Return the encoder of each detector for every system that has been trained for all detectors."""
    found = {
        "stage one": {detector: Places(detector).stage_one for detector in params.detectors},
        "full": {detector: Places(detector).encoder for detector in params.detectors},
    }
    for variant in ("full", *params.table.variants):
        for seed in sorted({*params.table.seeds, *params.table.full_seeds}):
            places = partial(CellPlaces, variant=variant, seed=seed)
            found[f"{variant}, seed {seed}"] = {detector: places(detector).encoder for detector in params.detectors}
    return {name: paths for name, paths in found.items() if all(path.exists() for path in paths.values())}


def look(encoder: Beats, detector: str, params: Params) -> tuple[dict[str, list[ScoredClips]], dict[int, np.ndarray]]:
    """Score a detector's test clips in both ways; return that and the mean-pooled embeddings by layer."""
    ways = {"literal": LITERAL, "params": (params.embedding, params.bank)}
    embedder = PooledEmbedder(encoder, [way for way, _ in ways.values()] + list(LAYERS), device_for(params.compute))
    manifest = Manifest.read(Places(detector).manifest)
    scored: dict[str, list[ScoredClips]] = {name: [] for name in ways}
    means: dict[int, list[np.ndarray]] = {way.layer: [] for way in LAYERS}
    for machine, test in labelled_test_clips(manifest).items():
        train = manifest.select("train", machine)
        parts = [
            np.split(embedder.embed_clips(clips, params.audio), np.cumsum(embedder.widths)[:-1], axis=1)
            for clips in (train, test)
        ]
        for (name, (_, bank)), references, queries in zip(ways.items(), *(part[:2] for part in parts), strict=True):
            scores = MachineReference.fit(references, train, bank).bank.score_samples(queries)
            of_clips = ([getattr(clip, field) for clip in test] for field in ("file_name", "domain", "label"))
            scored[name].append(ScoredClips(machine, *of_clips, scores))
        for way, queries in zip(LAYERS, parts[1][2:], strict=True):
            means[way.layer].append(queries)
    return scored, {layer: np.concatenate(values) for layer, values in means.items()}


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean cosine similarity of the rows of two matrices [N x D]."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / lengths).mean())


def main() -> None:
    """Print a line of Markdown for every system."""
    params = read_params()
    settle_threads(params.compute)
    systems: dict[str, dict[str, Path] | None] = {FROZEN: None, **encoder_paths(params)}
    first: tuple[dict, dict] | None = None
    print("| | literal | minus frozen | params | minus frozen | similarity, last layer | layer 1 |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, paths in systems.items():
        scored: dict[str, list[ScoredClips]] = {"literal": [], "params": []}
        means: dict[int, list[np.ndarray]] = {way.layer: [] for way in LAYERS}
        for detector in params.detectors:
            own = params.for_detector(detector)
            encoder = initial_encoder(own.encoder, own.seed) if paths is None else load_encoder(paths[detector])
            of_detector, of_layers = look(encoder, detector, own)
            for way, clips in of_detector.items():
                scored[way] += clips
            for layer, values in of_layers.items():
                means[layer].append(values)
        joined = {layer: np.concatenate(values) for layer, values in means.items()}
        first = first or (scored, joined)
        cells = [name]
        for way, clips in scored.items():
            settings = (params.evaluation.bootstrap, params.evaluation.confidence, params.seed)
            total = total_score(measure(one) for one in clips)
            cells.append(f"{100 * total:.2f} {interval_text(bootstrap_intervals(clips, *settings).total)}")
            gain = bootstrap_differences(first[0][way], clips, *settings).total
            cells.append("" if name == FROZEN else difference_text(gain))
        cells += [f"{similarity(first[1][layer], joined[layer]):.3f}" for layer in joined]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
