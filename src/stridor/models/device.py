"""The device that single-process work runs on."""

import torch

from stridor.errors import StridorError
from stridor.records import ComputeParams


def device_for(params: ComputeParams) -> torch.device:
    """Return the device asked for; "auto" takes an accelerator that is there, else the CPU.

    Raises
    ------
    StridorError
        If the accelerator asked for is not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    wanted = params.accelerator
    if wanted == "auto":
        wanted = next((name for name in ("cuda", "mps") if there[name]), "cpu")
    if not there[wanted]:
        raise StridorError(f"compute.accelerator is '{wanted}', which this machine has not; set it to auto or cpu.")
    return torch.device(wanted)
