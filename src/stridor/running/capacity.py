"""How many trainings a machine can run beside each other."""

from stridor.cores import cores
from stridor.models.device import device_for
from stridor.records import ComputeParams


def processes_at_a_time(compute: ComputeParams) -> int:
    """Return how many there are cores for; one on a GPU, or where each takes all cores."""
    if compute.threads == "auto" or device_for(compute).type != "cpu":
        return 1
    return max(cores() // compute.threads, 1)
