"""A worker process that cannot go on."""

from dataclasses import replace
from multiprocessing import get_context

import pytest

from stridor.experiments.tuning import workers
from stridor.experiments.tuning.study import open_study
from stridor.experiments.tuning.worker import last_line, work
from tiny_study import spec_of, write_study


@pytest.mark.slow
def test_the_error_that_ended_it_is_reported(project, capsys):
    write_study(project)
    spec = spec_of()
    study = open_study(spec)
    broken = replace(spec, storage="sqlite:////nowhere/optuna.db")
    context = get_context("spawn")
    remaining = context.Semaphore(1)
    worker = context.Process(target=work, args=(broken, 0, remaining), name="worker 0")
    worker.start()
    worker.join()
    workers._report_lost_workers(study, spec, [worker], set())
    assert "worker 0 ended with 1 (stridor.common.errors.StridorError: Optuna's storage" in capsys.readouterr().err


@pytest.mark.slow
def test_one_that_printed_nothing(project):
    write_study(project)
    assert last_line(spec_of(), 0) == "no output"
