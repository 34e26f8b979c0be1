"""From files to batches: decoding, resampling, mixing, the filter bank, and all of it as training does it."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import numpy as np
import soundfile
import torch

from benchmarks.encoder import example
from benchmarks.harness import Bench, Times
from benchmarks.straightforward import Straightforward
from benchmarks.training import step_of
from stridor.audio.files import SAMPLE_RATE_HZ, read_clip, write_clip
from stridor.audio.mixing import scale_to_snr
from stridor.data.augment import augment
from stridor.data.manifest import build_manifest
from stridor.params import Params
from stridor.training.loader import EpochLoader
from stridor.training.triples import training_set


def run(bench: Bench) -> None:
    """Time each piece for clips of 10 s, and the loader beside the training step that waits for it."""
    clips, seconds = (2, 1) if bench.tiny else (16, 10)
    waves = 0.1 * np.random.default_rng(0).standard_normal((clips, seconds * SAMPLE_RATE_HZ)).astype(np.float32)
    case = f"{clips} x {seconds} s"
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        _pieces(bench, case, waves)
        _loader(bench, case, waves)


def _pieces(bench: Bench, case: str, waves: np.ndarray) -> None:
    paths = [Path(f"{number}.wav") for number in range(len(waves))]
    for path, wave in zip(paths, waves, strict=True):
        write_clip(path, wave)
    size = sum(path.stat().st_size for path in paths)

    def rate(times: Times) -> str:
        return f"{size / times.best / 1e9 / bench.gbytes:.1%} of a memory copy of the files"

    bench.single("decoding", case, lambda: [read_clip(path) for path in paths], rate, len(waves))
    bench.pair("decoding", f"{case}, beside soundfile alone", lambda: [read_clip(path) for path in paths],
               lambda: [soundfile.read(path, dtype="float32") for path in paths], len(waves))  # fmt: skip
    soundfile.write("other.wav", np.tile(waves[0], 3)[: 44100 * waves.shape[1] // SAMPLE_RATE_HZ], 44100)
    from scipy.signal import resample_poly

    other, rate_hz = soundfile.read("other.wav", dtype="float32")
    assert rate_hz == 44100
    bench.pair("decoding and resampling", "44.1 to 16 kHz, one clip, beside scipy's resample_poly",
               lambda: read_clip("other.wav"), lambda: resample_poly(other, 160, 441))  # fmt: skip
    rng = np.random.default_rng(0)

    def mixed() -> None:
        for wave in waves:
            wave + scale_to_snr(wave, rng.standard_normal(len(wave)), 0.0, "clip")

    bench.pair("mixing with noise", f"{case}, beside drawing the noise alone", mixed,
               lambda: [rng.standard_normal(waves.shape[1]) for _ in waves], len(waves))  # fmt: skip
    model, batch = example("mini"), torch.from_numpy(waves)
    yardstick = Straightforward(model)
    bench.pair("filter bank", f"{case}, beside torchaudio clip by clip", lambda: model.log_mel(batch),
               lambda: yardstick.log_mel(batch), len(waves))  # fmt: skip


def _loader(bench: Bench, case: str, waves: np.ndarray) -> None:
    for number, wave in enumerate(waves):
        write_clip(Path(f"data/pump/train/section_00_source_train_normal_{number:04d}.wav"), wave)
    for number, wave in enumerate(waves[:2]):
        write_clip(Path(f"data/pump/supplemental/section_00_noise_supplemental_normal_{number:04d}.wav"), wave)
    manifest = build_manifest(Path("data"), ("pump",))
    for workers in (0,) if bench.tiny else (0, 2):
        params = Params(
            detectors={"pump": {"machines": ["pump"]}}, augment={"variants": 1},
            training={"batch_size": 4, "held_out_clips": 0}, compute={"loader_workers": workers},
        )  # fmt: skip
        pairs = augment(manifest.select("supplemental"), params, Path("augmented"))
        data = training_set(manifest, pairs, params)
        loader = EpochLoader(data, params, 0, 1)
        step = step_of("mini", frozen=False)
        epochs = itertools.count()
        batches = list(loader.of_epoch(next(epochs)))
        learning = bench.time(lambda batches=batches: [step(batch) for batch in batches], 1).best  # noqa: B023

        def one_epoch(loader: EpochLoader = loader, epochs: Iterator[int] = epochs) -> object:
            return list(loader.of_epoch(next(epochs)))

        def waits(times: Times, learning: float = learning) -> str:
            return f"{times.best / (times.best + learning):.1%} of an epoch of mini on this processor"

        bench.single("input path", f"{case}, {workers} workers", one_epoch, waits, len(data.examples))
