"""Processes that are gone are known as such, also where their number lives on."""

import os
import signal
import subprocess
import sys
import time

import pytest

from stridor.common.processes import host_mark, is_gone, process_mark, start_of

WATCHER = """
import sys, time
from stridor.common.processes import callers, end_with
end_with(callers())
print("ready", flush=True)
time.sleep(300)
"""
# As DVC starts a stage: by a shell, which waits for it.
CALLER = """
import subprocess, sys, time
child = subprocess.Popen(["bash", "-c", f'"{sys.executable}" -c "$0"; exit $?', sys.argv[1]], stdout=subprocess.PIPE)
print(child.pid, flush=True)
child.stdout.readline()
print("ready", flush=True)
time.sleep(300)
"""

# Starts something, and ends when its child has seen who adopts an orphan.
ADOPTED = """
import os, subprocess, sys, time
if pid := os.fork():
    os.waitpid(pid, 0)
else:
    if os.fork():
        os._exit(0)
    first = os.getppid()
    subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while os.getppid() == first and first != 1:
        time.sleep(0.01)
    print(open(f"/proc/{os.getppid()}/comm").read(), flush=True)
"""


def wait_until(happened, seconds=300):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_this_process_lives_and_one_of_another_host_is_never_gone():
    assert not is_gone(process_mark())
    assert not is_gone(f"elsewhere-1:{2**22 + 1}:x")
    assert not is_gone("")


def test_an_ended_process_and_one_with_its_number_are_gone():
    assert is_gone(f"{host_mark()}:{2**22 + 1}:x")
    # Lives, but started at another time, or before a reboot.
    assert is_gone(f"{host_mark()}:{os.getpid()}:{start_of(os.getpid())}1")
    with subprocess.Popen(["sleep", "300"]) as child:
        mark = f"{host_mark()}:{child.pid}:{start_of(child.pid)}"
        assert not is_gone(mark)
        child.kill()
        # Ended counts, waited for or not.
        wait_until(lambda: is_gone(mark))
        child.wait()
    assert is_gone(mark)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_stage_ends_with_the_one_who_started_it_through_a_shell():
    caller = subprocess.Popen([sys.executable, "-c", CALLER, WATCHER], stdout=subprocess.PIPE, text=True)
    shell = int(caller.stdout.readline())
    assert caller.stdout.readline() == "ready\n"
    with open(f"/proc/{shell}/task/{shell}/children") as file:
        processes = [shell, *map(int, file.read().split())]
    caller.kill()
    caller.wait()
    try:
        wait_until(lambda: not any(start_of(process) for process in processes))
    finally:
        for process in processes:
            if start_of(process):
                os.kill(process, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_stage_whose_caller_ended_while_python_started_has_none(tmp_path):
    # The caller ends at once; its shell goes on, and belongs to whoever adopts orphans.
    shell = 'sleep 0.5; "$0" -c "from stridor.common.processes import callers; print(callers())" > "$1"; mv "$1" "$2"'
    arguments = ["bash", "-c", shell, sys.executable, str(tmp_path / "part"), str(tmp_path / "found")]
    adopter = subprocess.run(
        [sys.executable, "-c", ADOPTED, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()
    if adopter.startswith("python"):
        pytest.skip(f"orphans are adopted by '{adopter}' here, which could be DVC")
    wait_until((tmp_path / "found").exists)
    assert (tmp_path / "found").read_text() == "[]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
@pytest.mark.parametrize(
    "call", ["end_with([2**22 + 1])", "die_with_parent(2**22 + 1)", "end_with([os.getpid(), 2**22 + 1])"]
)
def test_who_had_ended_before_counts_too(call):
    script = f"import os, time; from stridor.common.processes import *; {call}; time.sleep(300)"
    assert subprocess.run([sys.executable, "-c", script], timeout=120).returncode == -signal.SIGTERM
