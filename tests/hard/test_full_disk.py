"""Commands on a disk that fills up, at several moments: one sentence, nothing half-written, and the next call works.

And on one that is slow.

In the first test, the disk is a tmpfs of limited size, where one may be mounted. The second needs no rights: single
processes meet a write that fails (`faults.py`).
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hard.killing import TIMEOUT_S, Killed, content
from hard.projects import call, lean, make_scene, pipeline_project, write_recordings
from hard.test_kill_data import CHECKPOINT_BYTES, PUBLISHED, TESTS, changed, track_machines
from hard.test_kill_pipeline import results
from hard.test_kill_tune import general
from recordings import PARAMS
from stridor.ingest.checkpoints.published import DEFAULT
from stridor.tracking.location import DATABASE
from tiny_study import TUNE, write_study
from zenodo import YEAR, Zenodo

# The share of what a command needs that is left on the disk.
LEVELS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
PAGE = 4096
PLENTY = 2**31
STRIDOR = ("-m", "stridor")


class Disk:
    """A tmpfs, whose size can be changed while it is in use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def limit(self, free: int | None) -> None:
        """Leave so many bytes; None for plenty."""
        size = PLENTY if free is None else self.used() + max(free // PAGE, 1) * PAGE
        subprocess.run(["mount", "-o", f"remount,size={size}", self.folder], check=True, capture_output=True)

    def used(self) -> int:
        """Return the bytes in use."""
        said = os.statvfs(self.folder)
        return (said.f_blocks - said.f_bfree) * said.f_frsize


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A disk of its own."""
    folder = tmp_path_factory.mktemp("disk")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={PLENTY}", "tmpfs", folder], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here ({done.stderr.strip()}); root may")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(scope="module")
def commands(tmp_path_factory, empty_database, forked_python):
    """What is tried by its name: arguments of the interpreter, how the project is prepared, and what counts."""
    source = tmp_path_factory.mktemp("source")
    write_recordings(source)
    by_hand = tmp_path_factory.mktemp("download") / "by_hand.pt"
    by_hand.write_bytes(bytes(CHECKPOINT_BYTES))
    python = forked_python

    def machines(root):
        track_machines(python, root)

    def only_params(root):
        Path("params.yaml").write_text(PARAMS)

    def trained(root):
        pipeline_project(python, empty_database, ("pump",), **lean())
        call(python, "-m", "dvc", "repro", "evaluate@pump")

    def untrained(root):
        pipeline_project(python, empty_database, ("pump",), **lean())

    def profiles(root):
        shutil.copytree(TESTS.parent / "profiles", "profiles")
        shutil.copy("profiles/demo.yaml", "params.yaml")

    def study(root):
        shutil.copy(empty_database, DATABASE)
        Path("mlruns").mkdir()
        write_study(root, **TUNE | {"pruner": "none"})

    def store(root):
        return (root / "mlflow.db").exists()

    def written(root):
        return content(root, "artifacts/pump", "results", "reports")

    def reports(root):
        return content(root, "reports", "submission", "results")

    with Zenodo.of_the_small_year().serving() as server:
        server.files["1", f"{DEFAULT}.pt"] = by_hand.read_bytes()
        script = PUBLISHED.format(
            tests=str(TESTS), name=DEFAULT, bytes=CHECKPOINT_BYTES,
            sha256=hashlib.sha256(by_hand.read_bytes()).hexdigest(), url=f"{server.url}/records/1/files/{DEFAULT}.pt",
        )  # fmt: skip
        yield {
            "store": ((*STRIDOR, "store", "create"), only_params, store),
            "profile": ((*STRIDOR, "profile", "paper"), profiles, lambda root: content(root, "params.yaml")),
            "import": ((*STRIDOR, "data", "import", str(source), "--replace"), machines, changed),
            "fetch": (("-c", script, "checkpoint", "fetch"), only_params, changed),
            "fetch by hand": (("-c", script, "checkpoint", "fetch", "--from", str(by_hand)), only_params, changed),
            "dcase": (
                ("-c", script, "data", "dcase", "--year", str(YEAR), "--site", server.url, "--fresh"),
                machines, changed,
            ),
            **{
                stage: (("-m", f"stridor.stages.{stage}", *(() if stage == "summary" else ("pump",))), trained, written)
                for stage in ("augment", "train", "autoencoder", "index", "evaluate", "register", "summary")
            },
            "repro": ((*STRIDOR, "repro"), untrained, results),
            "select": ((*STRIDOR, "select"), trained, reports),
            "submission": ((*STRIDOR, "submission"), trained, reports),
            "tune": ((*STRIDOR, "tune", "--machine", "pump", "--trials", "2", "--jobs", "1"), study, general),
        }  # fmt: skip


WHOLE = (
    "store",
    "profile",
    "import",
    "fetch",
    "fetch by hand",
    "dcase",
    "repro",
    "register",
    "select",
    "submission",
    "tune",
)
# What writes without the help of other processes.
ALONE = (
    "store",
    "profile",
    "import",
    "fetch",
    "fetch by hand",
    "dcase",
    "augment",
    "train",
    "autoencoder",
    "index",
    "evaluate",
    "register",
    "summary",
    "select",
    "submission",
)
FAULTS = (
    *(f"writes {number}" for number in (1, 3, 8, 21)),
    *(f"size {number}" for number in (2048, 16384, 65536)),
)


@pytest.fixture(scope="module", params=WHOLE)
def filling(request, tmp_path_factory, disk, commands, forked_python, seed):
    """A command that has run on an empty disk, and how many bytes that took."""
    arguments, prepare, outcome = commands[request.param]
    scene = make_scene(
        tmp_path_factory, forked_python, arguments, prepare, outcome, folder=disk.folder,
        own_names=("mlruns/", ".git/", ".dvc/tmp/", "artifacts/.tune/"),
    )  # fmt: skip
    scene.put_back()
    before = disk.used()
    undisturbed = Killed(scene, seed)
    yield undisturbed, disk.used() - before
    shutil.rmtree(scene.place)


@pytest.mark.parametrize("level", LEVELS)
def test_a_full_disk_is_told_in_a_sentence_and_the_next_call_works(filling, disk, level):
    undisturbed, needed = filling
    scene = undisturbed.scene
    scene.put_back()
    disk.limit(int(level * needed))
    try:
        code = scene.start(False).wait(TIMEOUT_S)
        said = scene.said()
    finally:
        disk.limit(None)
    check_told(scene, code, said)
    scene.finish(False, again=True)
    undisturbed.check_outcome(f"{level:.0%} of {needed} bytes")


def check_told(scene, code, said):
    """Check that a command that had too little space said so, and left nothing half-written."""
    # Where old files give way to new ones, little may be enough.
    assert code in (0, 2), said
    assert "Traceback" not in said, said
    # Parts of a download are what the next call goes on with.
    half = [path for path in scene.root.rglob("*.unfinished-*") if path.parent.name not in ("checkpoints", "101")]
    assert not half, f"{half}\n{said}"
    if code:
        assert said.rstrip().splitlines()[-1].startswith("stridor: "), said
        assert re.search("space|room|full|too large|written|I/O", said), said


def is_whole_array(path):
    """Tell whether a file holds a whole array; where files may not grow, oneDNN computes in another order."""
    return path.suffix == ".npy" and np.isfinite(np.load(path)).all()


FAULTY = """
import sys
sys.path.insert(0, {tests!r})
from hard.faults import main
main(*sys.argv[1:])
"""


@pytest.fixture(scope="module", params=ALONE)
def alone(request, tmp_path_factory, commands, forked_python, seed):
    """A command that has run undisturbed, and how it is called under a fault."""
    arguments, prepare, outcome = commands[request.param]
    scene = make_scene(tmp_path_factory, forked_python, arguments, prepare, outcome)
    undisturbed = Killed(scene, seed)
    kind, what, *rest = arguments
    if kind == "-c":
        script = FAULTY.replace("main(*sys.argv[1:])", "from hard.faults import apply\napply(sys.argv.pop(1))\n") + what
    else:
        script, rest = FAULTY, [what, *rest]
    return undisturbed, script.replace("{tests!r}", repr(str(TESTS))), rest


@pytest.mark.parametrize("fault", FAULTS)
def test_a_write_that_fails_is_told_in_a_sentence_and_the_next_call_works(alone, fault):
    undisturbed, script, rest = alone
    scene = undisturbed.scene
    scene.put_back()
    before = scene.outcome(scene.root)
    scene.again, scene.arguments = scene.arguments, ("-c", script, fault, *rest)
    try:
        code = scene.start(False).wait(TIMEOUT_S)
        said = scene.said()
        check_told(scene, code, said)
        now = scene.outcome(scene.root)
        if isinstance(now, dict):
            known = (before, undisturbed.after)
            wrong = [
                name
                for name, said_now in now.items()
                if said_now not in [one.get(name) for one in known]
                and ".unfinished-" not in name
                and not is_whole_array(scene.root / name)
            ]
            assert not wrong, f"{wrong}\n{said}"
        # Everything writes by Python, but for SQLite, which makes a store.
        assert code or fault != "writes 1" or "store" in rest, said
        scene.finish(False, again=True)
    finally:
        scene.arguments, scene.again = scene.again, None
    undisturbed.check_outcome(fault)


def test_a_slow_disk_changes_nothing(alone):
    undisturbed, script, rest = alone
    scene = undisturbed.scene
    scene.put_back()
    usual, scene.arguments = scene.arguments, ("-c", script, "slow 50", *rest)
    try:
        scene.finish(False)
    finally:
        scene.arguments = usual
    undisturbed.check_outcome("slow")
