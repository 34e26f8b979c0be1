"""Whether training does what it is for, before any score: embeddings of noisy normal clips, and of faults.

Run in the project's root, with the demo data in data/:

    python benchmarks/mechanism.py [--noise FOLDER] [--systems NAME,NAME] [MACHINE...]

No label is looked at, and no test clip. Of each machine's normal training clips every fifth is held out, and encoders
are trained on the others: *full* with params.yaml as it is, the others as `SYSTEMS` says. Held-out clips are then mixed
with noise that was not heard in training, that of two other machines' places (or the recordings of a folder), and

- *distance* is from the mixture's embedding to the initial encoder's of the clean clip, divided by the median distance
  of the initial encoder's embeddings of the machine's clips;
- *neighbour* is the share of mixtures whose nearest normal clip is the one that the initial encoder finds for the clean
  clip;
- *false alarms* is the share of mixtures above the threshold, the 90th percentile of a gamma distribution of the
  encoder's own leave-one-out scores.

*Faults* is the change that a fault injected into a held-out clip makes in the embedding, trained over frozen: median
over clips and faults, as it is, and with both changes divided by the encoder's own median distance of clips.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from stridor.audio.files import read_clip
from stridor.audio.mixing import fit_length, scale_to_snr
from stridor.common.compute import set_threads
from stridor.common.seeds import rng_for
from stridor.data.augment import augment
from stridor.data.interferers import MACHINES, list_recordings
from stridor.data.manifest import Clip, Manifest, audio_files, build_manifest
from stridor.data.names import AUDIO_SUFFIXES
from stridor.models.checkpoint import initial_encoder
from stridor.models.encoder import Encoder
from stridor.models.side import adapted
from stridor.params import Params, read_params
from stridor.scoring.embedding import EncoderEmbedder
from stridor.scoring.reference import MachineReference
from stridor.selection.faults import FAULTS, inject
from stridor.training.fit import fine_tune, make_fabric
from stridor.training.resume import ResumeFolder
from stridor.training.triples import training_set

DATA = Path("data")
EVERY = 5
SNRS_DB = (-5, 0, 5, 10)
DRAWS = 3
# Their noise is kept for the measurement; their clips are not interferers.
UNHEARD = ("gearbox", "slider")
_SIDE = {
    "encoder.adapt": "side", "decoder.target": "representation", "training.learning_rate": 1e-3,
    "augment.interferers": ["noise", "white", MACHINES], "augment.unmixed": 0.2,
}  # fmt: skip
# Written down before anything was measured: the epochs of params.yaml, and four times as many.
SYSTEMS: Mapping[str, Mapping[str, object] | None] = {
    "frozen": None,
    "full": {},
    "side": _SIDE,
    "side_long": _SIDE | {"training.stage_one.epochs": 40, "training.stage_two.epochs": 16},
    "side_retain": _SIDE | {"training.retain": 0.5},
}


def trained(manifest: Manifest, params: Params, folder: Path) -> Encoder:
    """Return the encoder that the pipeline would train on these clips."""
    recordings = list_recordings(params.augment.interferers, manifest.machines, DATA, params.seed)
    heard = [one for one in recordings if one.machine not in UNHEARD]
    pairs = augment(manifest.select("supplemental"), params, folder / "augmented")
    data = training_set(manifest, pairs, params, heard)
    encoder = adapted(initial_encoder(params.encoder, params.seed), params.encoder, params.seed)
    fabric = make_fabric(params.compute, params.training.precision)
    fabric.launch()
    return fine_tune(encoder, data, params, fabric, ResumeFolder(folder / "resume", ""), lambda *_: None).encoder


class Measured:
    """A machine as one encoder embeds it: the normal clips that it knows, and the threshold."""

    def __init__(self, encoder: Encoder, known: Sequence[Clip], params: Params) -> None:
        self.embedder = EncoderEmbedder(encoder, params.embedding)
        self.known = self.embedder.embed_clips(known, params.audio)
        alone = params.bank.model_copy(update={"views": ()})
        self.reference = MachineReference.fit(self.known, known, alone)
        apart = np.linalg.norm(self.known[:, None] - self.known[None], axis=-1)
        self.spread = float(np.median(apart[np.triu_indices(len(apart), 1)]))

    def nearest(self, embeddings: np.ndarray) -> np.ndarray:
        """Return which known clip is nearest to each embedding."""
        return np.linalg.norm(embeddings[:, None] - self.known[None], axis=-1).argmin(axis=1)

    def false_alarms(self, embeddings: np.ndarray) -> float:
        """Return the share of normal clips above the threshold."""
        scores = self.reference.bank.score_samples(embeddings)
        return float(np.mean(scores > self.reference.calibration.threshold))


def noisy(clips: Sequence[np.ndarray], noises: Sequence[Path], snr_db: float) -> list[np.ndarray]:
    """Mix every clip with some of the noises, each at one ratio."""
    mixed = []
    for number, clip in enumerate(clips):
        for draw in range(DRAWS):
            rng = rng_for(0, "mechanism", number, draw)
            noise = np.zeros(len(clip), dtype=np.float32)
            while not noise.any():
                recording = read_clip(noises[rng.integers(len(noises))])
                noise = fit_length(recording, len(clip), int(rng.integers(len(recording))))
            mixed.append((clip + scale_to_snr(clip, noise, snr_db, "clip")).astype(np.float32))
    return mixed


def faulty(clips: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Inject every fault into every clip."""
    return [
        inject(fault, clip, clips[(number + 1) % len(clips)], rng_for(0, "mechanism", fault, number))
        for number, clip in enumerate(clips)
        for fault in FAULTS
    ]


def row(one: Measured, initial: Measured, clips: Sequence[np.ndarray], noises: Sequence[Path]) -> list[str]:
    """Return the cells of a system: three measures at each ratio, false alarms without noise, and retention."""
    clean, own = (side.embedder.embed(clips) for side in (initial, one))
    cells = []
    for snr_db in SNRS_DB:
        embeddings = one.embedder.embed(noisy(clips, noises, snr_db))
        distance = np.linalg.norm(embeddings - clean.repeat(DRAWS, axis=0), axis=1).mean() / initial.spread
        same = np.mean(one.nearest(embeddings) == initial.nearest(clean).repeat(DRAWS))
        cells.append(f"{distance:.2f}, {100 * same:.0f}, {100 * one.false_alarms(embeddings):.0f}")
    cells.append(f"{100 * one.false_alarms(own):.0f}")
    changes = [
        np.linalg.norm(side.embedder.embed(faulty(clips)) - unchanged.repeat(len(FAULTS), axis=0), axis=1)
        for side, unchanged in ((one, own), (initial, clean))
    ]
    kept = float(np.median(changes[0] / changes[1]))
    return [*cells, f"{kept:.2f}, {kept * initial.spread / one.spread:.2f}"]


def main(log: Callable[[str], None] = print) -> None:
    """Print a table for each machine and each kind of noise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--noise", type=Path, action="append", default=[])
    parser.add_argument("--systems", default="frozen,full,side")
    parser.add_argument("machines", nargs="*")
    options = parser.parse_args()
    params = read_params()
    set_threads(params.compute.threads)
    kinds = {f"noise of {' and '.join(UNHEARD)}": [
        path for name in UNHEARD for path in audio_files(DATA / name / "supplemental") if "_noise_" in path.name
    ]}  # fmt: skip
    kinds |= {
        f"recordings of {folder.name}": sorted(one for one in folder.rglob("*") if one.suffix in AUDIO_SUFFIXES)
        for folder in options.noise
    }
    for machine in options.machines or ["valve", "fan"]:
        own = params.for_detector(machine)
        manifest = build_manifest(DATA, (machine,))
        normals = manifest.select("train")
        held_out = normals[::EVERY]
        learnt = Manifest(tuple(clip for clip in manifest.clips if clip not in held_out))
        clips = [read_clip(clip.path, own.audio.channel) for clip in held_out]
        found: dict[str, Measured] = {}
        for system in options.systems.split(","):
            changes = SYSTEMS[system]
            with tempfile.TemporaryDirectory() as folder:
                variant = own.replaced(changes or {})
                encoder = (
                    initial_encoder(own.encoder, own.seed) if changes is None
                    else trained(learnt, variant, Path(folder))
                )  # fmt: skip
            found[system] = Measured(encoder, learnt.select("train"), own)
        for kind, noises in kinds.items():
            log(f"\n{machine}, {kind}; at each ratio distance, neighbour (%), false alarms (%)\n")
            log(f"| | {' | '.join(f'{snr_db} dB' for snr_db in SNRS_DB)} | clean: false alarms (%) | faults |")
            log(f"|---|{'---:|' * (len(SNRS_DB) + 2)}")
            for system, one in found.items():
                log(f"| {system} | {' | '.join(row(one, found['frozen'], clips, noises))} |")


if __name__ == "__main__":
    main()
