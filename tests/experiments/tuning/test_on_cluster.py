"""Trials on the nodes of a Ray cluster: what is refused, what travels back."""

import pytest

from stridor.common.errors import StridorError
from stridor.experiments.tuning.node_trial import run
from stridor.experiments.tuning.on_cluster import _packed, _unpack, check_shared
from stridor.experiments.tuning.study import counted, open_study
from tiny_study import spec_of, write_study


def test_a_file_of_this_host_is_refused(monkeypatch):
    monkeypatch.setenv("OPTUNA_STORAGE", "sqlite:////srv/optuna.db")
    with pytest.raises(StridorError, match=r"optuna\.db is a file of this host.*postgresql\+psycopg"):
        check_shared("sqlite:////srv/optuna.db")
    monkeypatch.setenv("OPTUNA_STORAGE", "postgresql+psycopg://jo:secret@host/optuna")
    check_shared("postgresql+psycopg://jo:secret@host/optuna")


def test_the_files_of_a_trial_travel_whole(tmp_path):
    trial = tmp_path / "trial_0003"
    (trial / "encoder").mkdir(parents=True)
    (trial / "encoder" / "encoder.pt").write_bytes(b"weights")
    _unpack(_packed(trial), tmp_path / "here" / "trial_0003")
    assert (tmp_path / "here/trial_0003/encoder/encoder.pt").read_bytes() == b"weights"
    assert _packed(tmp_path / "removed") == b""


@pytest.mark.slow
def test_a_node_runs_one_trial_of_the_study_and_of_no_other(project, monkeypatch, capsys):
    write_study(project)
    monkeypatch.setenv("OPTUNA_STORAGE", f"sqlite:///{project}/optuna.db")
    spec = spec_of(f"sqlite:///{project}/optuna.db")
    with pytest.raises(StridorError, match=r"The study here is pump-\w+ and not pump-1234"):
        run("pump", "pump-1234", "")
    from stridor.common.dvc import data_md5
    from stridor.experiments.tuning.study import StudySpec
    from stridor.stages.layout import DATA

    spec = StudySpec("pump", spec.space, data_md5(DATA), spec.storage)
    run("pump", spec.name, "")
    assert capsys.readouterr().out.splitlines()[-1] == f"0 {spec.layout(0).base}"
    assert counted(open_study(spec)) == 1
    assert (spec.layout(0).encoder).is_file()
