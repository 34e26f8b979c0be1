"""How often `stridor explain` marks a planted fault, on every demo machine.

Run in the project's root, with the demo data in data/:

    python benchmarks/explaining.py [--tokens] [MACHINE...]

No label is looked at, and no test clip: of each machine's normal training clips eleven are held out, the detector
(params.yaml, with the encoder that training starts from) learns the others, and each of the eleven is explained with
each fault of `benchmarks/planted.py`. A fault counts as found if the strongest place, or one of the marked ones, covers
it. With `--tokens` the map is the distance of the last layer's tokens to the nearest tokens of the same band instead.
The table of docs/FINDINGS.md is made by this script.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.planted import FAULTS, covers
from stridor.audio.fbank import DECIBELS_PER_UNIT, Fbank
from stridor.audio.files import read_clip
from stridor.common.compute import set_threads
from stridor.data.manifest import Clip, build_manifest
from stridor.explanation import machine as known_machine
from stridor.explanation.explain import Explainer
from stridor.explanation.normals import log_mel_db
from stridor.models.checkpoint import load_encoder
from stridor.models.encoder import BANDS, PATCH, Encoder
from stridor.params import Params, read_params
from stridor.params.scoring_sections import views_of
from stridor.scoring.reference import MachineReference
from stridor.scoring.views import load_embedder
from stridor.serving.detector import Detector

EVERY = 5


def held_out_detector(machine: str, params: Params) -> tuple[Detector, list[Clip]]:
    """Return a detector of four fifths of a machine's normal training clips, and the others."""
    clips = build_manifest(Path("data"), (machine,)).select("train", machine)
    held_out = clips[::EVERY]
    learnt = [clip for clip in clips if clip not in held_out]
    checkpoint = Path(params.encoder.checkpoint)
    embedder = load_embedder(views_of(params.embedding, params.bank), checkpoint, checkpoint)
    embeddings = embedder.embed_clips(learnt, params.audio)
    reference = MachineReference.fit(embeddings, learnt, params.bank, embedder.widths)
    return Detector(embedder, {machine: reference}, params.audio), held_out


def token_difference(encoder: Encoder) -> Callable[..., np.ndarray]:
    """Return what takes the place of `difference`: the distances of a clip's tokens, as an image."""
    known: dict[bytes, np.ndarray] = {}

    def tokens(image: np.ndarray) -> np.ndarray:
        key = image.tobytes()
        if key not in known:
            log_mel = torch.from_numpy(image / np.float32(DECIBELS_PER_UNIT))[None]
            with torch.inference_mode():
                last = encoder.encode(log_mel, torch.tensor([len(image)])).last[0]
            known[key] = last.unflatten(0, (-1, BANDS)).numpy()
        return known[key]

    def difference(image: np.ndarray, normals: Sequence[np.ndarray], patch_frames: int) -> np.ndarray:
        own = torch.from_numpy(tokens(image)).transpose(0, 1)
        others = torch.from_numpy(np.concatenate([tokens(normal) for normal in normals])).transpose(0, 1)
        distances = torch.cdist(own, others).amin(dim=2).T.numpy()
        cells = distances.repeat(PATCH, axis=0).repeat(PATCH, axis=1)
        return np.pad(cells, ((0, len(image) - len(cells)), (0, 0)), mode="edge").astype(np.float32)

    return difference


def main(arguments: Sequence[str]) -> None:
    """Print a row of the table for each machine."""
    params = read_params()
    set_threads(params.compute.threads)
    machines = [one for one in arguments if not one.startswith("--")] or list(params.detectors)
    if "--tokens" in arguments:
        known_machine.difference = token_difference(load_encoder(params.encoder.checkpoint))
    print("| machine | " + " | ".join(f"{fault}: strongest, marked" for fault in FAULTS) + " |")
    print("|---|" + "---:|" * len(FAULTS))
    for machine in machines:
        detector, held_out = held_out_detector(machine, params.for_detector(machine))
        known, fbank = Explainer(detector, "not needed", Path("data") / machine / "train").learn(machine), Fbank()
        cells = []
        for fault, plant in FAULTS.items():
            strongest = marked = 0
            for number, clip in enumerate(held_out):
                planted = plant(read_clip(clip.path), np.random.default_rng([number, len(fault)]))
                image = log_mel_db(planted.wave, fbank)
                found, oddness = known.difference(image), known.oddness(len(image))
                places = oddness.places(oddness.strength(found), found)
                strongest += covers(places[0], planted)
                marked += any(covers(place, planted) for place in places)
            cells.append(f"{strongest}, {marked} of {len(held_out)}")
        print(f"| {machine} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
