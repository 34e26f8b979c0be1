"""Tiny folders in the DCASE layout, and a project to import them into."""

import os
from pathlib import Path

import numpy as np
import soundfile as sf

from stridor.audio.files import write_clip

PARAMS = """\
# The seed of everything.
seed: 3

detectors:
  # One entry per detector.
  valve:
    machines: [valve]  # the demo machine
    learning_rate: 2.0e-4
  pump:
    machines:
      - pump

# Noise is mixed in.
augment:
  variants: 9  # literal
"""

NAMES = {
    "train": (
        "section_00_source_train_normal_0000_spd_1.wav",
        "section_00_source_train_normal_0001_spd_2.wav",
        "section_00_target_train_normal_0000_noAttribute.wav",
    ),
    "test": (
        "section_00_source_test_normal_0000_noAttribute.wav",
        "section_00_target_test_anomaly_0000_noAttribute.wav",
    ),
    "supplemental": ("section_00_noise_supplemental_normal_0000.wav",),
}


def noise(seconds: float, seed: int, rate_hz: int = 16000) -> np.ndarray:
    """Return white noise, float64 [T] within [-0.9, 0.9]."""
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz)).clip(-9, 9)


def write_machine(folder: Path, samples: int = 2801, names: dict[str, tuple[str, ...]] = NAMES) -> Path:
    """Write a machine of noise clips, every one with bytes of its own."""
    random = np.random.default_rng(list(folder.name.encode()))
    for split, clips in names.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        for clip in clips:
            write_clip(folder / split / clip, random.uniform(-0.5, 0.5, samples))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes, but for .git and .dvc."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in (".git", ".dvc")
    }


def write_recording(path: Path, seconds: float, *, rate_hz: int = 4000, channels: int = 1, **how: str) -> np.ndarray:
    """Write a recording of noise that is its own by its path; return its samples, int16 [T x C]."""
    random = np.random.default_rng(list(os.fsencode(path)))
    samples = random.integers(-9999, 9999, (round(seconds * rate_hz), channels), dtype=np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, samples, rate_hz, **how)
    return samples
