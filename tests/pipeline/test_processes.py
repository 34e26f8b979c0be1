"""Commands in parallel: their exit codes, and stopping them all."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stridor.pipeline import processes as commands_module
from stridor.pipeline.processes import Command, run_parallel

TIMEOUT_S = 300
# A shell that waits for a program, as DVC runs its stages; each writes its process.
SLEEPER = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(300)"
CALLER = """
import sys
from stridor.pipeline.processes import Command, run_parallel
sleeper, *names = sys.argv[1:]
run_parallel([Command(("bash", "-c", f'"{sys.executable}" -c "{sleeper}" {name}; exit 1')) for name in names], 2)
"""


def python(script, *arguments, **environment):
    return Command((sys.executable, "-c", script, *arguments), environment)


def is_alive(process):
    # One that has ended but was not waited for by its new parent counts as ended.
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(happened):
    end = time.monotonic() + TIMEOUT_S
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_all_run_and_say_how_they_ended(tmp_path):
    write = "import os, sys; open(sys.argv[1], 'w').write(os.environ['WHO']); sys.exit(int(sys.argv[2]))"
    commands = [python(write, str(tmp_path / who), code, WHO=who) for who, code in (("a", "0"), ("b", "3"))]
    assert run_parallel(commands, 2) == [0, 3]
    assert [(tmp_path / who).read_text() for who in "ab"] == ["a", "b"]
    assert "WHO" not in os.environ
    assert run_parallel([]) == []


@pytest.mark.parametrize("at_a_time", [1, 2, 5])
def test_a_command_starts_after_those_that_it_needs_and_not_if_one_failed(tmp_path, at_a_time):
    write = (
        "import os, sys, time; time.sleep(0.2); print(*os.listdir('.'), file=open(f'{sys.argv[1]}.txt', 'w'));"
        "sys.exit(int(sys.argv[2]))"
    )
    line = (sys.executable, "-c", f"import os; os.chdir({str(tmp_path)!r}); {write}")
    commands = [
        Command((*line, "last", "0"), after=(2, 1)), Command((*line, "first", "0")),
        Command((*line, "next", "0"), after=(1,)),
        Command((*line, "bad", "3")), Command((*line, "never", "0"), after=(3, 1)),
        Command((*line, "nor this", "0"), after=(4,)),
    ]  # fmt: skip
    assert run_parallel(commands, at_a_time) == [0, 0, 0, 3, 3, 3]
    saw = {path.stem: path.read_text().split() for path in tmp_path.iterdir()}
    assert saw.keys() == {"first", "next", "last", "bad"}
    assert "first.txt" in saw["next"]
    assert {"first.txt", "next.txt"} <= set(saw["last"])


@pytest.mark.parametrize("at_a_time", [1, 2, 5])
def test_no_more_run_in_parallel_than_requested(tmp_path, at_a_time):
    script = (
        "import os, sys, time; open(f'{sys.argv[1]}/{time.monotonic()} start', 'w'); time.sleep(float(sys.argv[2]));"
        "open(f'{sys.argv[1]}/{time.monotonic()} end', 'w')"
    )
    lengths = ("0.6", "0", "0.2", "0")
    assert run_parallel([python(script, str(tmp_path), length) for length in lengths], at_a_time) == [0] * 4
    running, most = 0, 0
    for event in sorted(tmp_path.iterdir(), key=lambda path: float(path.name.split()[0])):
        running += 1 if event.name.endswith("start") else -1
        most = max(most, running)
    assert running == 0
    assert 1 <= most <= at_a_time


def test_one_that_takes_long_holds_up_nobody(tmp_path):
    names = [str(tmp_path / name) for name in "abc"]
    patient = (
        "import os, sys, time\n"
        "end = time.monotonic() + 30\n"
        "while not all(map(os.path.exists, sys.argv[1:])):\n"
        "    assert time.monotonic() < end\n"
        "    time.sleep(0.01)"
    )
    short = [python("open(__import__('sys').argv[1], 'w')", name) for name in names]
    assert run_parallel([python(patient, *names), *short], 2) == [0] * 4


def test_one_that_fails_does_not_keep_the_others_from_running(tmp_path):
    commands = [python("import sys; sys.exit(4)"), python("open(__import__('sys').argv[1], 'w')", str(tmp_path / "b"))]
    assert run_parallel(commands) == [4, 0]
    assert (tmp_path / "b").exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")
@pytest.mark.parametrize(
    ("number", "in_background"), [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGTERM, True)]
)
def test_nothing_outlives_a_caller_that_is_stopped(tmp_path, number, in_background):
    files = [tmp_path / "a", tmp_path / "b"]
    # As a shell starts what it runs in the background.
    ignore = "trap '' INT; " if in_background else ""
    line = ["bash", "-c", f'{ignore}exec "$@"', "bash", sys.executable, "-c", CALLER, SLEEPER, *map(str, files)]
    caller = subprocess.Popen(line, stderr=subprocess.DEVNULL)
    wait_until(lambda: all(file.exists() and file.read_text() for file in files))
    caller.send_signal(number)
    # Long before what does not listen would be killed.
    assert caller.wait(commands_module.STOP_TIMEOUT_S / 2) != 0
    assert not any(is_alive(int(file.read_text())) for file in files)


def test_a_process_that_hangs_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(commands_module, "STOP_TIMEOUT_S", 0.2)
    file = tmp_path / "deaf"
    deaf = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); " + SLEEPER
    sleep = time.sleep

    def interrupted(seconds):
        monkeypatch.setattr(time, "sleep", sleep)
        wait_until(lambda: file.exists() and file.read_text())
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_parallel([python(deaf, str(file))])
    wait_until(lambda: not is_alive(int(file.read_text())))


def test_one_that_cannot_be_started_stops_the_others(tmp_path):
    file = tmp_path / "left"
    with pytest.raises(FileNotFoundError):
        run_parallel([python(SLEEPER, str(file)), Command(("/no/such/program",))], 2)
    assert not file.exists() or not is_alive(int(file.read_text() or 2**22))
