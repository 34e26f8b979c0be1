"""A project to import into, in which DVC is only played, and a plain machine."""

import pytest

from recordings import PARAMS, write_machine, write_recording
from stridor.data.importing import folder as folder_module


@pytest.fixture
def project(tmp_path, monkeypatch):
    root = tmp_path / "project"
    for machine in ("valve", "pump"):
        write_machine(root / "data" / machine)
    (root / ".dvc").mkdir()
    (root / "params.yaml").write_text(PARAMS)
    (root / "data.dvc").write_text("outs: old\n")

    def played_track(data):
        (root / "data.dvc").write_text("outs: new\n")

    monkeypatch.setattr(folder_module, "track", played_track)
    return root


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
