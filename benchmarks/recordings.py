"""What a verdict costs, by the detector that the demo trains nothing for: a clip, and a recording of ten minutes."""

from pathlib import Path

import numpy as np

from benchmarks.harness import Bench, Times
from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.models.checkpoint import load_encoder
from stridor.params import read_params
from stridor.params.scoring_sections import views_of
from stridor.scoring.reference import MachineReference
from stridor.scoring.views import detector_embedder
from stridor.serving.detector import Detector

PROJECT = Path(__file__).resolve().parents[1]
CLIP_SECONDS, NORMALS = 10, 20
MOST_MS = 150
MOST_TIMES = 1.3


def run(bench: Bench) -> None:
    """Score one clip, normal and anomalous, and a recording beside its windows one by one."""
    seconds, windows = (1, 3) if bench.tiny else (CLIP_SECONDS, 60)
    detector = _detector(seconds)

    def limit(times: Times) -> str:
        return f"{1000 * min(times.wall) / MOST_MS:.2f} of {MOST_MS} ms"

    clip = _noise(seconds, 1000)
    odd = clip.copy()
    odd[-SAMPLE_RATE_HZ // 2 :] *= 10
    for name, wave in (("normal", clip), ("anomalous", odd)):
        bench.single("score a clip", f"{seconds} s, {name}", lambda: detector.score(wave), limit)  # noqa: B023
    clips = [_noise(seconds, 2000 + i) for i in range(windows)]
    whole = np.concatenate(clips)
    bench.pair(
        "score a recording", f"{windows * seconds} s, beside its windows one by one", lambda: detector.score(whole),
        lambda: [detector.score(one) for one in clips], note=f"the aim is {1 / MOST_TIMES:.2f}",
    )  # fmt: skip


def _detector(seconds: float) -> Detector:
    params = read_params(PROJECT / "profiles" / "demo.yaml")
    encoder = load_encoder(PROJECT / params.encoder.checkpoint)
    embedder = detector_embedder(views_of(params.embedding, params.bank), {"frozen": encoder, "fine_tuned": encoder})
    normals = embedder.embed([_noise(seconds, i) for i in range(NORMALS)])
    names = [f"{i}.wav" for i in range(NORMALS)]
    reference = MachineReference.fit_named(
        normals, ["source"] * NORMALS, names, [seconds] * NORMALS, params.bank, embedder.widths
    )
    return Detector(embedder, {"noise": reference}, params.audio)


def _noise(seconds: float, seed: int) -> np.ndarray:
    samples = round(seconds * SAMPLE_RATE_HZ)
    return (0.05 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)
