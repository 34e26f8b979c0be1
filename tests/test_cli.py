"""The command line."""

import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = [
    [], ["data"], ["data", "import"], ["data", "demo"], ["data", "ready"], ["data", "dcase"], ["score"], ["register"],
    ["distill"], ["store"],
]  # fmt: skip


def stridor(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", "from stridor.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(["stridor", *command]))
def test_every_command_has_help(command):
    done = stridor(*command, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "import", "."], "params.yaml is missing"),
        (["data", "ready"], "data.dvc is missing"),
        (["data", "dcase"], "params.yaml is missing"),
        (["data", "dcase", "--list", "--year", "1900"], "no table for the year 1900"),
        (["data", "dcase", "--list", "--machines", "fan, ToyPet"], "have no machine 'ToyPet'"),
        (["data", "dcase", "--list", "--set", "all"], "no set 'all'; expected some of dev, additional, eval"),
        (["score", "x.wav", "--detector", "valve"], "lies in no project"),
        (["register"], "params.yaml is missing"),
    ],
)
def test_outside_a_project_it_says_so_in_one_sentence(tmp_path, arguments, message):
    done = stridor(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
