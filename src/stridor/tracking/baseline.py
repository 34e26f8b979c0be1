"""One MLflow run per autoencoder, told from the two-stage trainings by the tag `kind`."""

from collections.abc import Iterator
from contextlib import contextmanager

from stridor.params import Params
from stridor.tracking.describe import DataVersion, flatten, tags_of
from stridor.tracking.logged import logged_run
from stridor.tracking.runlog import KIND_TAG, RunLog

AUTOENCODER = "autoencoder"
# What an autoencoder is learnt from; other parameters would only clutter the comparison of runs.
_LEARNT_FROM = ("seed", "audio", "autoencoder", "detector.machines", "bank.threshold_percentile")


@contextmanager
def autoencoder_run(detector: str, machine: str, params: Params, data: DataVersion) -> Iterator[RunLog]:
    """Log the training of a machine's autoencoder as one run, which ends with the block.

    Parameters
    ----------
    detector, machine : str
        The run is called after the machine, `fan autoencoder`.
    params : Params
        Of the detector.
    data : DataVersion

    Raises
    ------
    StridorError
        If the store fails.
    """
    values = {
        name: value
        for name, value in flatten(params).items()
        if any(name == kept or name.startswith(f"{kept}.") for kept in _LEARNT_FROM)
    }
    tags = tags_of(detector, params) | {KIND_TAG: AUTOENCODER, "machine": machine}
    with logged_run(f"{machine} {AUTOENCODER}", params.tracking.experiment, values, [data], tags) as run:
        yield run
