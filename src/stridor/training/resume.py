"""State of a running training on disk, so that an interrupted one resumes after its last complete epoch."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError
from stridor.common.saving import save_tensors
from stridor.common.tensor_file import read_tensor_file


@contextmanager
def _alone_beside(folder: Path) -> Iterator[None]:
    """Keep other processes out of the block that asks for the same folder; nothing is left behind."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class ResumeFolder:
    """A folder next to the pipeline's outputs, valid for one set of inputs only.

    Parameters
    ----------
    folder : Path
    inputs : str
        Everything that the weights depend on, as text; state from other inputs is deleted.
    """

    def __init__(self, folder: Path, inputs: str) -> None:
        self.folder = folder
        self.fingerprint = hashlib.sha256(inputs.encode()).hexdigest()
        mark = folder / "inputs.sha256"
        # Processes that train together all come here at the same time.
        with _alone_beside(folder):
            if folder.exists() and (not mark.exists() or mark.read_text() != self.fingerprint):
                shutil.rmtree(folder)
            folder.mkdir(exist_ok=True)
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
        with atomic_file(self.folder / "run_id") as temporary:
            temporary.write_text(run_id)

    def save(self, state: dict[str, Any]) -> None:
        """Save the state after an epoch; the previous state is replaced only once the new one is complete."""
        with atomic_file(self.folder / "state.pt") as temporary:
            save_tensors(state, temporary)

    def load(self) -> dict[str, Any] | None:
        """Return the state after the last complete epoch, or None at a fresh start."""
        path = self.folder / "state.pt"
        return self._read(path) if path.exists() else None

    def save_stage_one(self, encoder: dict[str, torch.Tensor]) -> None:
        """Save the encoder's weights after stage one."""
        with atomic_file(self.folder / "stage_one.pt") as temporary:
            save_tensors(encoder, temporary)

    def stage_one(self) -> dict[str, torch.Tensor]:
        """Return the weights that `save_stage_one` has written."""
        return self._read(self.folder / "stage_one.pt")

    def _read(self, path: Path) -> dict[str, Any]:
        anew = f"remove the folder {self.folder} to train from the start"
        state = read_tensor_file(path, "the state of a training", anew, anew)
        if not isinstance(state, dict):
            raise StridorError(f"{path} is not the state of a training; {anew}.")
        return state

    def remove(self) -> None:
        """Delete the folder, as the training has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)
