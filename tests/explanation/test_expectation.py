"""The difference to the nearest normal patches."""

import numpy as np
import pytest

from stridor.explanation import expectation
from stridor.explanation.expectation import NEAREST_PATCHES, SQUARE, difference


def direct(image, normals, patch):
    """Compute it as the text says it."""
    squares = lambda part: part[: patch // 4 * 4].reshape(patch // 4, 4, 32, 4).mean(axis=(1, 3))  # noqa: E731
    known = [normal[at : at + patch] for normal in normals for at in range(0, len(normal) - patch + 1, SQUARE)]
    total, weights = np.zeros_like(image), np.zeros(len(image))
    window = np.hanning(patch + 2)[1:-1]
    for start in sorted({*range(0, len(image) - patch + 1, SQUARE), len(image) - patch}):
        own = squares(image[start : start + patch])
        ranked = sorted(known, key=lambda one: np.square(squares(one) - own).sum())[:NEAREST_PATCHES]
        total[start : start + patch] += window[:, None] * np.mean(ranked, axis=0)
        weights[start : start + patch] += window
    return image - total / weights[:, None]


@pytest.mark.parametrize(("frames", "patch"), [(41, 16), (16, 16), (30, 8)])
def test_it_is_the_direct_formulation(frames, patch, monkeypatch):
    monkeypatch.setattr(expectation, "PATCHES_AT_A_TIME", 3)
    rng = np.random.default_rng(frames)
    image = rng.standard_normal((frames, 128)).astype(np.float32)
    normals = [rng.standard_normal((count, 128)).astype(np.float32) for count in (20, 33, 16)]
    found = difference(image, normals, patch)
    assert found == pytest.approx(direct(image.astype(np.float64), normals, patch), abs=1e-4)


def test_only_what_is_new_differs():
    rng = np.random.default_rng(0)
    rhythm = np.zeros((200, 128), dtype=np.float32)
    for frame in range(6):
        rhythm[frame::20] = 10.0
    normals = [np.roll(rhythm, shift, axis=0) + rng.normal(0, 0.1, rhythm.shape).astype(np.float32)
               for shift in range(0, 20, 3)]  # fmt: skip
    image = normals[0].copy()
    image[100:106] = 0.0
    image[50:60, 30:40] += 8.0
    found = difference(image, normals[1:], 64)
    assert found[50:60, 30:40].mean() == pytest.approx(8, abs=1.5)
    assert found[100:106].mean() == pytest.approx(-10, abs=3)
    found[48:62, 28:42] = found[96:110] = 0
    assert np.abs(found).mean() < 1.5
