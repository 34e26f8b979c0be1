"""What a training leaves on disk while it runs, so that a killed one goes on from its last epoch."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import torch

from stridor.common.atomic import atomic_file


class ResumeFolder:
    """A folder beside the pipeline's outputs, valid for one set of inputs only.

    Parameters
    ----------
    folder : Path
    inputs : str
        Whatever the weights depend on, as text; state left by other inputs is dropped.
    """

    def __init__(self, folder: Path, inputs: str) -> None:
        self.folder = folder
        self.fingerprint = hashlib.sha256(inputs.encode()).hexdigest()
        mark = folder / "inputs.sha256"
        if folder.exists() and (not mark.exists() or mark.read_text() != self.fingerprint):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        mark.write_text(self.fingerprint)

    @property
    def run_id(self) -> str | None:
        """The tracking run that the interrupted training had opened; setting None leaves it as it is."""
        path = self.folder / "run_id"
        return path.read_text() if path.exists() else None

    @run_id.setter
    def run_id(self, run_id: str | None) -> None:
        if run_id is None:
            return
        with atomic_file(self.folder / "run_id") as beside:
            beside.write_text(run_id)

    def save(self, state: dict[str, Any]) -> None:
        """Keep the state after an epoch; the state of the epoch before is replaced only once this is whole."""
        with atomic_file(self.folder / "state.pt") as beside:
            torch.save(state, beside)

    def load(self) -> dict[str, Any] | None:
        """Return the state after the last whole epoch, or None at a fresh start."""
        path = self.folder / "state.pt"
        return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None

    def keep_stage_one(self, encoder: dict[str, torch.Tensor]) -> None:
        """Keep the encoder's weights as stage one has left them."""
        with atomic_file(self.folder / "stage_one.pt") as beside:
            torch.save(encoder, beside)

    def stage_one(self) -> dict[str, torch.Tensor]:
        """Return the weights that `keep_stage_one` has written."""
        return torch.load(self.folder / "stage_one.pt", map_location="cpu", weights_only=True)

    def remove(self) -> None:
        """Forget everything: the training has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)
