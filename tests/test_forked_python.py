"""The helper that stands for `python` in slow tests behaves like it."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from forked_python import ForkedPython

# A limit for what hangs.
TIMEOUT_S = 120


@pytest.fixture(scope="module")
def forked():
    with ForkedPython(modules=["json.tool"]) as python:
        yield python


@pytest.fixture(params=["forked", "true"])
def python(request, forked):
    """The helper and what it stands for: every test of it holds for both."""
    return str(forked.executable) if request.param == "forked" else sys.executable


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, **options)


def test_code_gets_arguments_folder_environment_and_input(python, tmp_path):
    code = "import os, sys; print(sys.argv, os.getcwd(), os.environ['ONE'], input(), 'TWO' in os.environ, __name__)"
    done = run(python, "-c", code, "--a", "b c", cwd=tmp_path, env={"ONE": "1"}, input="said\n")
    assert done.stdout == f"['-c', '--a', 'b c'] {tmp_path} 1 said False __main__\n", done.stderr


def test_a_module_is_run_as_the_main_one(python, tmp_path):
    (tmp_path / "own.py").write_text("import sys; print(__name__, sys.argv[1:], sys.modules['__main__'].__file__)")
    assert run(python, "-m", "own", "x", cwd=tmp_path).stdout == f"__main__ ['x'] {tmp_path / 'own.py'}\n"
    assert run(python, "-m", "json.tool", "--compact", input="[1, 2]").stdout == "[1,2]\n"


def test_modules_are_found_where_the_environment_says(python, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there/one_of_there.py").write_text("word = 'there'")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path / 'there'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    assert run(python, "-c", "import one_of_there; print(one_of_there.word)", env=environment).stdout == "there\n"


def test_other_options_reach_the_interpreter(python, tmp_path):
    (tmp_path / "script.py").write_text("print(__file__)")
    assert run(python, tmp_path / "script.py").stdout == f"{tmp_path / 'script.py'}\n"
    assert run(python, "-S", "-c", "import sys; print(sys.flags.no_site)").stdout == "1\n"


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("pass", 0, ""),
        ("raise SystemExit(7)", 7, ""),
        ("import sys; sys.exit('a reason')", 1, "a reason"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import os; os._exit(200)", 200, ""),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, ""),
        ("raise KeyboardInterrupt", -signal.SIGINT, "KeyboardInterrupt"),
    ],
)
def test_it_ends_as_the_code_ends(python, code, status, words):
    done = run(python, "-c", code)
    assert done.returncode == status
    assert words in done.stderr


def test_what_is_done_at_exit_is_done(python):
    code = "import atexit, threading; atexit.register(print, 'end'); threading.Timer(0.1, print, ['thread']).start()"
    assert run(python, "-c", code).stdout == "thread\nend\n"


def test_nothing_of_one_call_is_seen_by_the_next(python):
    code = "import json, os; print(hasattr(json, 'left')); json.left = os.environ['LEFT'] = '1'; os.chdir('/')"
    here = os.getcwd()
    assert [run(python, "-c", code).stdout for _ in range(2)] == ["False\n"] * 2
    assert run(python, "-c", "import os; print(os.getcwd(), os.environ.get('LEFT'))").stdout == f"{here} None\n"


SLEEPER = "import sys, time; print('up', flush=True); [time.sleep(0.1) for _ in range(6000)]"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_reaches_the_code(python, number):
    with subprocess.Popen([python, "-c", SLEEPER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        process.send_signal(number)
        # Whatever writes there has ended when it can be read to its end.
        process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == -number


def test_a_handler_decides(python):
    code = f"import signal; signal.signal(signal.SIGTERM, lambda *_: exit(3)); {SLEEPER}"
    with subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 3


def test_control_c_reaches_what_the_code_has_started(python):
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}])"
    process = subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0)
    with process:
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == -signal.SIGINT


def test_ignored_control_c_stays_ignored(python):
    code = "import signal; print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)"
    assert run("sh", "-c", f"trap '' INT; '{python}' -c '{code}'").stdout == "True\n"


def test_multiprocessing_spawns_by_it(forked, monkeypatch):
    forked.replace(monkeypatch)
    monkeypatch.setenv("WHERE", "worker")
    context = get_context("spawn")
    with context.Pool(1) as pool:
        # The server has no such variable.
        assert pool.apply_async(os.getenv, ("WHERE",)).get(TIMEOUT_S) == "worker"
    left = context.Process(target=sys.exit, args=(3,))
    left.start()
    left.join(TIMEOUT_S)
    assert left.exitcode == 3
    killed = context.Process(target=time.sleep, args=(600,))
    killed.start()
    killed.kill()
    killed.join(TIMEOUT_S)
    assert killed.exitcode == -signal.SIGKILL


def test_a_shell_finds_it(forked, monkeypatch):
    forked.replace(monkeypatch)
    assert run("sh", "-c", "command -v python").stdout == f"{forked.executable}\n"
    assert sys.executable == str(forked.executable)


def test_nothing_is_left_when_the_owner_is_killed():
    code = f"""
import subprocess, sys, time
from forked_python import ForkedPython
python = ForkedPython(modules=[]).__enter__()
job = subprocess.Popen([python.executable, "-c", "import os; print(os.getpid(), flush=True); {SLEEPER}"])
time.sleep(600)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, text=True)
    with owner:
        job = int(owner.stdout.readline())
        owner.kill()
        # The job holds the other end of it.
        owner.communicate(timeout=TIMEOUT_S)
    end = time.monotonic() + TIMEOUT_S
    with pytest.raises(ProcessLookupError):  # noqa: PT012
        while time.monotonic() < end:
            os.kill(job, 0)
            time.sleep(0.01)
