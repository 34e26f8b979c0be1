"""The effect of training on the embeddings: scores of every trained encoder in three ways, and its drift.

Run in the project's root after `make repro` (and `make table`, whose variants are included):

    python benchmarks/drift.py

*Literal* is the report's scoring (last layer, mean, nearest neighbour, Euclidean distance), *layer 1* the same from an
early layer, *params* that of params.yaml. Drift is the mean cosine similarity of the test clips' mean-pooled
embeddings to those of the encoder that training started from; 1 means no drift. The tables of docs/FINDINGS.md are
made by this script.
"""

from functools import partial
from pathlib import Path

import numpy as np

from stridor.common.compute import device_for, set_threads
from stridor.data.manifest import Manifest
from stridor.evaluation.bootstrap import bootstrap_difference, bootstrap_intervals
from stridor.evaluation.measures import ScoredClips, measure, total_score
from stridor.evaluation.results_table import difference_text, interval_text
from stridor.experiments.table.cells import CellLayout
from stridor.models.checkpoint import initial_encoder, load_encoder
from stridor.models.encoder import Encoder
from stridor.params import Params, read_params
from stridor.params.scoring_sections import BankParams, EmbeddingParams
from stridor.scoring.embedding import EncoderEmbedder
from stridor.scoring.reference import MachineReference
from stridor.stages.evaluate import labelled_test_clips
from stridor.stages.layout import Layout

FROZEN = "frozen"
# For these, the drift of the mean-pooled embeddings is reported as well.
MEANS = {"literal": (EmbeddingParams(), BankParams()), "layer 1": (EmbeddingParams(layer=1), BankParams())}


def encoder_paths(params: Params) -> dict[str, dict[str, Path]]:
    """Return the encoder of each detector for every system that has been trained for all detectors."""
    found = {
        "stage one": {detector: Layout(detector).stage_one for detector in params.detectors},
        "full": {detector: Layout(detector).encoder for detector in params.detectors},
    }
    for variant in ("full", *params.table.variants):
        for seed in sorted({*params.table.seeds, *params.table.full_seeds}):
            layout = partial(CellLayout, variant=variant, seed=seed)
            found[f"{variant}, seed {seed}"] = {detector: layout(detector).encoder for detector in params.detectors}
    return {name: paths for name, paths in found.items() if all(path.exists() for path in paths.values())}


def score_ways(
    encoder: Encoder, detector: str, params: Params
) -> tuple[dict[str, list[ScoredClips]], dict[str, np.ndarray]]:
    """Return the scores of a detector's test clips in every way, and their mean-pooled embeddings."""
    ways = MEANS | {"params": (params.embedding, params.bank)}
    embedder = EncoderEmbedder(encoder, [way for way, _ in ways.values()], device_for(params.compute.accelerator))
    manifest = Manifest.read(Layout(detector).manifest)
    scored: dict[str, list[ScoredClips]] = {name: [] for name in ways}
    means: dict[str, list[np.ndarray]] = {name: [] for name in MEANS}
    for machine, test in labelled_test_clips(manifest).items():
        train = manifest.select("train", machine)
        parts = (
            np.split(embedder.embed_clips(clips, params.audio), np.cumsum(embedder.widths)[:-1], axis=1)
            for clips in (train, test)
        )
        for (name, (_, bank)), references, queries in zip(ways.items(), *parts, strict=True):
            scores = MachineReference.fit(references, train, bank).bank.score_samples(queries)
            of_clips = ([getattr(clip, field) for clip in test] for field in ("file_name", "domain", "label"))
            scored[name].append(ScoredClips(machine, *of_clips, scores))
            if name in means:
                means[name].append(queries)
    return scored, {name: np.concatenate(values) for name, values in means.items()}


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean cosine similarity of the rows of two matrices [N x D]."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / lengths).mean())


def main() -> None:
    """Print a line of Markdown for every system."""
    params = read_params()
    set_threads(params.compute.threads)
    settings = (params.evaluation.bootstrap, params.evaluation.confidence, params.seed)
    systems: dict[str, dict[str, Path] | None] = {FROZEN: None, **encoder_paths(params)}
    frozen: tuple[dict[str, list[ScoredClips]], dict[str, np.ndarray]] | None = None
    ways = [*MEANS, "params"]
    head = ["", *(f"{way} | minus {FROZEN}" for way in ways), *(f"drift, {way}" for way in MEANS)]
    print(f"| {' | '.join(head)} |\n|---|{'---:|' * (2 * len(ways) + len(MEANS))}")
    for name, paths in systems.items():
        scored: dict[str, list[ScoredClips]] = {way: [] for way in ways}
        means: dict[str, list[np.ndarray]] = {way: [] for way in MEANS}
        for detector in params.detectors:
            own = params.for_detector(detector)
            encoder = initial_encoder(own.encoder, own.seed) if paths is None else load_encoder(paths[detector])
            detector_scores, detector_means = score_ways(encoder, detector, own)
            for way in ways:
                scored[way] += detector_scores[way]
            for way in MEANS:
                means[way].append(detector_means[way])
        joined = {way: np.concatenate(values) for way, values in means.items()}
        frozen = frozen or (scored, joined)
        cells = [name]
        for way, clips in scored.items():
            total = total_score(measure(one) for one in clips)
            cells.append(f"{100 * total:.2f} {interval_text(bootstrap_intervals(clips, *settings).total)}")
            gain = bootstrap_difference(frozen[0][way], clips, *settings)
            cells.append("" if name == FROZEN else difference_text(gain))
        cells += [f"{similarity(frozen[1][way], joined[way]):.3f}" for way in MEANS]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
