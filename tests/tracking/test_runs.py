import signal
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from stridor.params.scoring_sections import BankParams
from stridor.tracking.describe import as_metrics, flatten
from stridor.tracking.runs import DataVersion, find_training_run, log_evaluation, no_run, training_run
from stridor.tracking.store import experiment_id, open_store
from tiny import tiny_params

DATA = DataVersion("data", "0123456789abcdef0123456789abcdef.dir")
TRAINING = """
import sys, time
from stridor.params import Params
from stridor.tracking.runs import DataVersion, training_run
with training_run("pump", Params.model_validate_json(sys.argv[1]), DataVersion("data", "abc")) as log:
    log.log_epoch(1, {"loss": 1.0})
    print(log.run_id, flush=True)
    time.sleep(60)
"""


def run_of(run_id):
    from mlflow import MlflowClient

    return MlflowClient().get_run(run_id)


def finished_run(**sections):
    with training_run("pump", tiny_params(**sections), DATA) as log:
        log.log_epoch(1, {"loss": 1.0})
        log.tag_weights("0" * 32)
    return log.run_id


def test_a_run_tells_everything(project, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.setenv("DVC_EXP_NAME", "stout-hare")
    folder = project / "weights"
    folder.mkdir()
    (folder / "encoder.pt").write_text("weights")
    with training_run("pump", tiny_params(), DATA, tags={"study": "first"}) as log:
        for epoch in (1, 2):
            log.log_epoch(epoch, {"loss/total": 1 / epoch, "distance_at_+5dB": 3.0})
        log.log_figure(Figure(), "figures/separation.png")
        log.log_folder(folder, "weights")
        log.log_file(folder / "encoder.pt")
        log.tag_separation(False)
        log.tag_weights("d" * 32)
        assert run_of(log.run_id).info.status == "RUNNING"
    run = run_of(log.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "pump"
    assert run.data.params == flatten(tiny_params())
    assert run.data.params["training.stage_one.epochs"] == "2"
    expected = {
        "detector": "pump", "machines": "pump", "seed": "0", "dvc_experiment": "stout-hare", "study": "first",
        "separation_learnt": "no", "weights_md5": "d" * 32, "kind": "training",
    }  # fmt: skip
    assert expected.items() <= run.data.tags.items()
    assert run.data.metrics["distance_at_5dB"] == 3.0
    history = MlflowClient().get_metric_history(log.run_id, "loss/total")
    assert [(metric.step, metric.value) for metric in history] == [(1, 1.0), (2, 0.5)]
    (dataset,) = run.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("data", DATA.digest)
    for file in ("encoder.pt", "figures/separation.png", "weights/encoder.pt"):
        beside = MlflowClient().list_artifacts(log.run_id, file.rpartition("/")[0])
        assert file in [found.path for found in beside]
    assert find_training_run("d" * 32) == log.run_id
    assert find_training_run("e" * 32) is None


def test_git_commit_and_changes(project):
    def git(*arguments):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)

    git("init")
    git("add", "params.yaml")
    git("commit", "-m", "first")
    tags = run_of(finished_run()).data.tags
    assert len(tags["mlflow.source.git.commit"]) == 40
    assert tags["uncommitted_changes"] == "no"
    Path("params.yaml").write_text("seed: 1")
    assert run_of(finished_run()).data.tags["uncommitted_changes"] == "yes"


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (SystemExit, "KILLED")],
)
def test_an_error_ends_the_run(project, error, status):
    import mlflow

    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(error), training_run("pump", tiny_params(), DATA) as log:
        raise error
    assert run_of(log.run_id).info.status == status
    assert mlflow.active_run() is None
    assert signal.getsignal(signal.SIGTERM) is handler


@pytest.mark.slow
def test_terminated_then_resumed(project, forked_python, monkeypatch):
    forked_python.replace(monkeypatch)
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING, tiny_params().model_dump_json()], stdout=subprocess.PIPE, text=True
    )
    run_id = process.stdout.readline().strip()
    process.terminate()
    assert process.wait(timeout=300) == 128 + signal.SIGTERM
    open_store()
    assert run_of(run_id).info.status == "KILLED"
    with training_run("pump", tiny_params(), DATA, resume=run_id) as log:
        assert log.run_id == run_id
        log.log_epoch(2, {"loss": 0.5})
    run = run_of(run_id)
    assert (run.info.status, run.data.metrics["loss"]) == ("FINISHED", 0.5)


def test_resumed_after_a_kill_that_left_it_running(project):
    from mlflow import MlflowClient

    store = open_store()
    left = MlflowClient().create_run(experiment_id(store, "stridor")).info.run_id
    with training_run("pump", tiny_params(), DATA, resume=left) as log:
        pass
    assert log.run_id == left
    assert run_of(left).info.status == "FINISHED"
    assert run_of(left).data.params == flatten(tiny_params())


@pytest.mark.parametrize("why", ["unknown", "deleted", "other parameters"])
def test_what_cannot_be_resumed_becomes_a_new_run(project, why):
    from mlflow import MlflowClient

    old = "f" * 32
    if why != "unknown":
        old = finished_run(training={"learning_rate": 0.5} if why == "other parameters" else {})
    if why == "deleted":
        MlflowClient().delete_run(old)
    with (
        pytest.warns(UserWarning, match="a new run is started"),
        training_run("pump", tiny_params(), DATA, resume=old) as log,
    ):
        pass
    assert log.run_id != old
    assert run_of(log.run_id).data.tags["continues_run"] == old


def test_resumed_with_other_scoring_or_devices(project):
    old = finished_run()
    with training_run("pump", tiny_params(bank={"k": 3}, compute={"devices": 2}), DATA, resume=old) as log:
        assert log.run_id == old


def test_below_the_run_of_a_study(project):
    import mlflow

    store = open_store()
    with mlflow.start_run(experiment_id=experiment_id(store, "stridor")) as study:
        trial = finished_run()
        assert mlflow.active_run().info.run_id == study.info.run_id
    assert run_of(trial).data.tags["mlflow.parentRunId"] == study.info.run_id


def test_nothing_is_logged_by_other_processes(project):
    with no_run() as log:
        log.log_epoch(1, {"loss": 1.0})
        log.log_figure(None, "x.png")
        log.log_folder(project, "x")
        log.tag_weights("0" * 32)
        log.tag_separation(True)
    assert log.run_id is None
    assert not (project / "mlruns").exists()


def test_evaluation_joins_the_training(project):
    from mlflow import MlflowClient

    run_id = finished_run()
    figure = project / "roc.png"
    Figure().savefig(figure)
    end = run_of(run_id).info.end_time
    assert log_evaluation(run_id, "pump", tiny_params(), {"fine_tuned/hmean": 0.6}, [figure]) == run_id
    run = run_of(run_id)
    assert run.data.metrics["fine_tuned/hmean"] == 0.6
    assert (run.info.status, run.info.end_time) == ("FINISHED", end)
    assert [file.path for file in MlflowClient().list_artifacts(run_id, "figures")] == ["figures/roc.png"]


def test_evaluation_under_other_scoring_gets_a_run_below(project):
    run_id = finished_run()
    params = tiny_params().model_copy(update={"bank": BankParams(k=3)})
    other = run_of(log_evaluation(run_id, "pump", params, {"hmean": 0.5}, []))
    assert other.data.tags["mlflow.parentRunId"] == run_id
    assert (other.data.params["bank.k"], other.info.status) == ("3", "FINISHED")
    assert "hmean" not in run_of(run_id).data.metrics


def test_evaluation_without_a_training(project):
    run = run_of(log_evaluation(None, "pump", tiny_params(), {"hmean": 0.5}, []))
    assert run.data.metrics == {"hmean": 0.5}
    assert "mlflow.parentRunId" not in run.data.tags


def test_names_that_mlflow_refuses():
    assert as_metrics({"auc Motor#1 (left)": 1, "at_+5dB": 2}) == {"auc Motor_1 _left_": 1.0, "at_5dB": 2.0}
