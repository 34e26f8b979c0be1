"""Commands that bring data, killed at random moments: an import, two downloads, and `dvc push`."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from hard.killing import Killed, content
from hard.projects import call, init_dvc, make_scene, write_recordings
from recordings import PARAMS, write_machine, write_recording
from stridor.ingest.checkpoints.published import DEFAULT
from zenodo import YEAR, Zenodo

TESTS = Path(__file__).resolve().parents[1]
CLIPS = 150
# Killed while it lists what is to be pushed, DVC 3.67 takes that part of the list for the whole from then on: the next
# `dvc push` says "Everything is up to date" and leaves files out. docs/operator.md tells to have it forget the list.
PUSH_ALL = """
import sys
from dvc.cli import main
from dvc.repo import Repo
Repo().drop_data_index()
sys.exit(main(["push"]))
"""
CHECKPOINT_BYTES = 150_000
# As `stridor`, but for a test's own record and checkpoint.
PUBLISHED = """
import sys
sys.path.insert(0, {tests!r})
from stridor.ingest.checkpoints import published
published.CHECKPOINTS[{name!r}] = published.Published({name!r}, {bytes}, {sha256!r}, ({url!r},), 'https://example.org')
from zenodo import add_small_year
add_small_year()
from stridor.cli.main import main
main()
"""


def changed(root):
    """Return all that bringing data changes."""
    return content(root, "data", "data.dvc", "params.yaml", "reports", ".dvc/cache", "checkpoints", "downloads")


def track_machines(python, root):
    init_dvc(python)
    Path("params.yaml").write_text(PARAMS)
    for name in ("valve", "pump"):
        write_machine(root / "data" / name)
    call(python, "-m", "dvc", "add", "-q", "data")


@pytest.fixture(scope="module")
def importing(tmp_path_factory, forked_python, seed):
    source = tmp_path_factory.mktemp("source")
    write_recordings(source)
    write_machine(source / "pump", samples=4000)

    def import_(root):
        track_machines(forked_python, root)

    arguments = ("-m", "stridor", "data", "import", str(source), "--replace")
    return Killed(make_scene(tmp_path_factory, forked_python, arguments, import_, changed), seed)


def test_a_killed_import_is_undone_or_done_and_finished_by_the_next_call(importing, number, monkeypatch):
    when = importing.kill(number)
    scene = importing.scene
    if number % 2:
        assert not scene.orphans(), when
        monkeypatch.chdir(scene.root)
        call(forked := scene.python, "-m", "stridor", "data", "ready")
        assert not forked.jobs()
        now = {name: md5 for name, md5 in changed(scene.root).items() if not name.startswith(".dvc/cache")}
        states = [
            {name: md5 for name, md5 in state.items() if not name.startswith(".dvc/cache")}
            for state in (importing.before, importing.after)
        ]
        assert now in states, when
    importing.call_again()
    importing.check_outcome(when)


@pytest.fixture(scope="module")
def server():
    """A slow server of records, on which a checkpoint lies as well."""
    zenodo = Zenodo.of_the_small_year()
    zenodo.pause_s = 0.01
    zenodo.files["1", f"{DEFAULT}.pt"] = np.random.default_rng(0).bytes(CHECKPOINT_BYTES)
    with zenodo.serving():
        yield zenodo


def script(server):
    checkpoint = server.files["1", f"{DEFAULT}.pt"]
    return PUBLISHED.format(
        tests=str(TESTS), name=DEFAULT, bytes=len(checkpoint), sha256=hashlib.sha256(checkpoint).hexdigest(),
        url=f"{server.url}/records/1/files/{DEFAULT}.pt",
    )  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, forked_python, seed, server):
    def fetch(root):
        Path("params.yaml").write_text(PARAMS)

    arguments = ("-c", script(server), "checkpoint", "fetch")
    return Killed(make_scene(tmp_path_factory, forked_python, arguments, fetch, changed), seed)


def test_a_killed_download_of_a_checkpoint_is_finished_by_the_next_call(checkpoint, number):
    checkpoint.check(number)


@pytest.fixture(scope="module")
def dcase(tmp_path_factory, forked_python, seed, server):
    def dcase(root):
        track_machines(forked_python, root)

    arguments = ("-c", script(server), "data", "dcase", "--year", str(YEAR), "--site", server.url, "--fresh")
    return Killed(make_scene(tmp_path_factory, forked_python, arguments, dcase, changed), seed)


def test_a_killed_download_of_a_data_set_is_finished_by_the_next_call(dcase, number):
    dcase.check(number)


@pytest.fixture(scope="module")
def push(tmp_path_factory, forked_python, seed):
    def push(root):
        init_dvc(forked_python)
        for i in range(CLIPS):
            write_recording(root / "data" / f"{i}.wav", 2, rate_hz=16000)
        call(forked_python, "-m", "dvc", "add", "-q", "data")
        call(forked_python, "-m", "dvc", "remote", "add", "-d", "shelf", str(root.parent / "remote"))

    def pushed(root):
        return content(root.parent, "remote") | content(root, "data", "data.dvc", ".dvc/cache", ".dvc/config")

    arguments, again = ("-m", "dvc", "push"), ("-c", PUSH_ALL)
    return Killed(make_scene(tmp_path_factory, forked_python, arguments, push, pushed, again=again), seed)


def test_a_killed_push_is_finished_by_the_next_call(push, number):
    when = push.kill(number)
    push.call_again()
    # The copy that DVC was making stays on the shelf, under a name that it never asks for.
    for half in (push.scene.place / "remote").rglob(".*.tmp"):
        half.unlink()
    push.check_outcome(when)
