"""The command line."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from stridor.cli.main import main


def commands(group, path=()):
    """Yield every group and command by the words that call it."""
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


def stridor(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", "from stridor.cli.main import main; main()", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
    )


@pytest.mark.parametrize("command", list(commands(main)), ids=lambda command: " ".join(["stridor", *command]))
def test_every_command_has_a_help_text(command):
    shown = CliRunner().invoke(main, [*command, "--help"])
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith(f"Usage: main {' '.join(command)}".rstrip())
    job = shown.output.split("\n\n")[1].strip()
    assert job[0].isupper()
    assert not job.startswith("Options:")


def test_the_command_line_itself_has_help():
    done = stridor("--help")
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


@pytest.mark.slow
def test_the_command_line_itself_says_an_error_in_one_line(tmp_path):
    done = stridor("register", cwd=tmp_path)
    assert done.returncode == 2
    assert "params.yaml is missing" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "import", "."], "params.yaml is missing"),
        (["data", "ready"], "data.dvc is missing"),
        (["data", "dcase"], "params.yaml is missing"),
        (["data", "dcase", "--list", "--year", "1900"], "no table for the year 1900"),
        (["data", "dcase", "--list", "--machines", "fan, ToyPet"], "have no machine 'ToyPet'"),
        (["data", "dcase", "--list", "--set", "all"], "no set 'all'; expected some of dev, additional, eval"),
        (["score", "x.wav", "--detector", "valve"], "is not inside a project"),
        (["register"], "params.yaml is missing"),
    ],
)
def test_outside_a_project_every_command_is_an_error(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
