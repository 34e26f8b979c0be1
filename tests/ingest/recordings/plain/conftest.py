"""A plain machine to import."""

import pytest

from recordings import write_recording


@pytest.fixture
def plain(tmp_path):
    """Four normal recordings of one domain and one of the other, two anomalies and both kinds of supplements."""
    folder = tmp_path / "recordings" / "fan"
    for name in ("a.wav", "b.wav", "deep/er/a.flac", "source/c.wav"):
        write_recording(folder / "normal" / name, 5)
    write_recording(folder / "normal" / "target" / "day one" / "d.wav", 5)
    write_recording(folder / "anomaly" / "x.wav", 5)
    write_recording(folder / "anomaly" / "target" / "y.wav", 5)
    write_recording(folder / "noise" / "hall.wav", 5)
    write_recording(folder / "clean" / "alone.wav", 3)
    return folder
