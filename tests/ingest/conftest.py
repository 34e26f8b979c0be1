"""A project to import into, in which DVC is only played."""

import pytest

from recordings import PARAMS, write_machine
from stridor.ingest.recordings import folder as folder_module


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with the two demo machines on disk."""
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
