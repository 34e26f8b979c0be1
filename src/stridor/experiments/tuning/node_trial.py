"""`python -m stridor.experiments.tuning.node_trial DETECTOR STUDY RUN`: one trial of a study of another host.

The last line that it prints is the trial's number and folder.
"""

import sys

from stridor.common.compute import set_threads
from stridor.common.dvc import data_md5
from stridor.common.errors import StridorError
from stridor.common.interrupts import stop_signals_as_exceptions
from stridor.common.stage_process import stage_process
from stridor.experiments.tuning.space import Space
from stridor.experiments.tuning.storage import storage_errors, storage_url
from stridor.experiments.tuning.study import StudySpec, open_study
from stridor.experiments.tuning.worker import run_one_trial
from stridor.params import read_params
from stridor.stages.layout import DATA


def run(detector: str, study: str, parent_run: str) -> None:
    """Run a trial in the project of the working directory.

    Raises
    ------
    StridorError
        If its parameters or clips make another study.
    """
    params = read_params()
    set_threads(params.compute.threads)
    spec = StudySpec(detector, Space.of(params, detector), data_md5(DATA), storage_url(), parent_run=parent_run or None)
    if spec.name != study:
        raise StridorError(
            f"The study here is {spec.name} and not {study}; have all nodes use the version of stridor that started it."
        )
    with stop_signals_as_exceptions(), storage_errors(spec.storage):
        number = run_one_trial(open_study(spec), spec)
    print(number, spec.layout(number).base)


if __name__ == "__main__":
    with stage_process():
        run(*sys.argv[1:])
