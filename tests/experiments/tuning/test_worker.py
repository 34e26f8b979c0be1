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
    reason, say = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(broken, 0, remaining, say), name="worker 0")
    process.start()
    process.join()
    lost = {}
    workers._report_lost_workers(study, spec, [workers.Worker(process, reason)], lost)
    assert "worker 0 ended with 1 (Optuna's storage sqlite:////nowhere/optuna.db" in capsys.readouterr().err
    assert list(lost) == ["worker 0"]


@pytest.mark.slow
def test_one_that_printed_nothing(project):
    write_study(project)
    assert last_line(spec_of(), 0) == "no output"
