"""DVC as it really is, on a small folder: its version, its state, and its refusals in one sentence."""

import shutil
import subprocess
import sys

import pytest

from stridor.common import dvc
from stridor.common.dvc import data_md5, is_tracked, out_of_date, pull, track
from stridor.common.errors import StridorError


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """A project under git and DVC with a tracked folder, made once."""
    root = tmp_path_factory.mktemp("project")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(dvc.dvc_line("init", "-q"), cwd=root, check=True)
    (root / "data").mkdir()
    (root / "data" / "a.txt").write_text("a")
    track(root / "data")
    return root


@pytest.fixture
def forked(forked_python, monkeypatch):
    """DVC is forked."""
    forked_python.replace(monkeypatch)


@pytest.fixture
def data(tracked, tmp_path):
    """The tracked folder in a copy of the project."""
    return shutil.copytree(tracked, tmp_path / "project") / "data"


def refused(call, *arguments, **options):
    with pytest.raises(StridorError) as refusal:
        call(*arguments, **options)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.slow
def test_a_tracked_folder_has_a_version_until_it_changes(data, forked):
    assert data_md5(data).endswith(".dir")
    assert is_tracked(data)
    assert out_of_date("data.dvc", root=data.parent) == set()
    (data / "b.txt").write_text("b")
    assert not is_tracked(data)
    assert out_of_date("data.dvc", root=data.parent) == {"data.dvc"}
    before = data_md5(data)
    track(data)
    assert data_md5(data) != before
    assert is_tracked(data)


@pytest.mark.slow
@pytest.mark.parametrize("length", [0, 5, 17, 30, 60, 150])
def test_a_lock_file_that_was_cut_off_is_repaired(data, forked, length):
    root = data.parent
    (root / "dvc.yaml").write_text(
        "stages:\n  a: {cmd: touch first, outs: [first]}\n  b: {cmd: touch second, outs: [second]}\n"
    )
    entries = "".join(
        f"  {name}:\n    cmd: touch {file}\n    outs:\n    - path: {file}\n      hash: md5\n"
        "      md5: d41d8cd98f00b204e9800998ecf8427e\n      size: 0\n"
        for name, file in (("a", "first"), ("b", "second"))
    )
    (root / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n{entries}"[:length])
    # Neither was ever run; what matters is that DVC reads the file again.
    assert out_of_date("dvc.yaml", root=root) == {"a", "b"}


def test_a_folder_that_was_never_tracked_has_none(tmp_path):
    assert not is_tracked(tmp_path / "data")
    assert "data.dvc is missing; run 'dvc add" in refused(data_md5, tmp_path / "data")


GOOD = b"outs:\n- md5: 06d959cc62d84806e3a54226cbe666fe.dir\n  path: data\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        b"outs: []", b"outs: new", b"no: [valid", b"", GOOD.replace(b"06d9", b"\x00"), b"\xff" + GOOD, b"[" * 5000,
        b"<<<<<<< HEAD\n" + GOOD + b"=======\n" + GOOD + b">>>>>>> other\n", GOOD + b"outs: []\n",
        GOOD.decode().encode("utf-16-be"), b"outs:\n- md5: [a]\n", b"outs:\n- md5: '../x'\n",
    ],
    ids=range(12),
)  # fmt: skip
def test_a_file_without_a_version_is_refused(tmp_path, text):
    (tmp_path / "data.dvc").write_bytes(text)
    assert "data.dvc does not name a version; run 'dvc add" in refused(data_md5, tmp_path / "data")


@pytest.mark.slow
def test_what_is_gone_comes_back_from_the_cache_or_dvc_says_why_not(data, forked):
    shutil.rmtree(data)
    pull(data, advice="ask")
    assert (data / "a.txt").read_text() == "a"
    shutil.rmtree(data)
    shutil.rmtree(data.parent / ".dvc" / "cache")
    said = refused(pull, data, advice="ask whoever has it")
    assert said.startswith("'dvc pull data.dvc' failed (failed to pull data from the cloud")
    assert said.endswith("; ask whoever has it.")


# A fetch that is killed when it has listed a part of what is to come.
KILLED_FETCH = """
import os
from dvc.cli import main
from dvc_data.index import DataIndexEntry, collect

def killed(cache, cache_prefix, *arguments, **options):
    cache[(*cache_prefix, "data")] = DataIndexEntry(key=("data",), loaded=True)
    cache.commit()
    os._exit(9)

collect._collect_from_index = killed
main(["fetch"])
"""


@pytest.mark.slow
def test_a_pull_that_was_killed_is_done_by_the_next_one(data, forked, tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    root = data.parent
    for call in (("remote", "add", "-d", "shelf", str(tmp_path / "shelf")), ("push",)):
        subprocess.run(dvc.dvc_line(*call), cwd=root, check=True, capture_output=True)
    shutil.rmtree(data)
    shutil.rmtree(root / ".dvc" / "cache")
    assert subprocess.run([sys.executable, "-c", KILLED_FETCH], cwd=root).returncode == 9
    pull(data, advice="ask")
    assert (data / "a.txt").read_text() == "a"


@pytest.mark.slow
def test_a_refusal_gives_the_reason_of_dvc(data, forked):
    nowhere = refused(out_of_date, "nowhere.dvc", root=data.parent)
    assert nowhere.startswith("'dvc status nowhere.dvc' failed (")
    assert "nowhere.dvc' does not exist); fix this" in nowhere
    data.with_name("data.dvc").write_text("no: [valid")
    assert refused(track, data).startswith("'dvc add data' failed ('./data.dvc' is invalid);")
    assert "is invalid" in refused(is_tracked, data)


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        (
            "a warning\n\nERROR: failed for:\ndata\n<https://error.dvc.org>\n\nAny troubles?\n",
            "failed for: data",
        ),
        ("No module named dvc\n", "No module named dvc"),
        ("", "it gave no reason"),
    ],
)
def test_the_reason_is_one_line(data, monkeypatch, stderr, reason):
    script = f"import sys; sys.stderr.write({stderr!r}); sys.exit(1)"
    monkeypatch.setattr(dvc, "dvc_line", lambda *arguments: (sys.executable, "-c", script))
    assert refused(track, data) == f"'dvc add data' failed ({reason}); fix this and run the command again."
