"""The frame of a stage: what an import has half changed is refused, and a request to stop is no traceback."""

import os
import signal
import subprocess
import sys

import pytest

from stridor.common.errors import StridorError
from stridor.common.stage_process import check_no_import, stage_process

# As `python -m stridor.stages.<stage>`, with a request that comes while it imports.
STAGE = """
import os, sys
sys.argv, sys.orig_argv = ["-m"], ["python", "-m", "stridor.stages.train", "fan"]
import stridor
sys.argv = ["train.py"]
os.kill(os.getpid(), int(sys.stdin.readline()))
import json
from stridor.common.stage_process import stage_process
print("imported", flush=True)
with stage_process():
    print("working", flush=True)
"""


def test_an_import_that_was_cut_off_is_refused_by_stages_and_commands(tmp_path, monkeypatch, capsys):
    from click.testing import CliRunner

    from stridor.cli.main import main

    monkeypatch.chdir(tmp_path)
    check_no_import(tmp_path)
    (tmp_path / ".data.unfinished-x").mkdir()
    check_no_import(tmp_path)
    (tmp_path / ".data.unfinished-x/journal.json").write_text("{}")
    with pytest.raises(StridorError, match="stridor data ready"):
        check_no_import(tmp_path)
    with pytest.raises(SystemExit) as left, stage_process():
        raise AssertionError("the stage has begun")
    assert left.value.code == 2
    assert "stridor data ready" in capsys.readouterr().err
    for command in ("repro", "plan", "table", "sweep", "submission", "register"):
        answer = CliRunner().invoke(main, [command])
        assert answer.exit_code == 2
        assert "stridor data ready" in answer.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_stop_while_importing_ends_without_a_traceback(number, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", STAGE], input=f"{int(number)}\n", text=True, capture_output=True, cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "DVC_STAGE"},
    )  # fmt: skip
    assert done.stdout == "imported\n"
    assert done.stderr == ""
    assert done.returncode == (130 if number == signal.SIGINT else -number)
