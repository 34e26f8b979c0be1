"""From a server that mimics Zenodo to a project's data/, cut off anywhere and called again."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from recordings import PARAMS, content, write_machine
from stridor.common.errors import StridorError
from stridor.ingest.dcase import Request, download_and_import, list_files
from stridor.ingest.dcase import project as project_module
from stridor.ingest.ready import DEMO_MD5
from stridor.ingest.recordings import folder as folder_module
from stridor.params import read_params
from zenodo import HASTY, archive, clip, clips_to_test, clips_to_train

pytestmark = pytest.mark.slow

DEMO = f"outs:\n- md5: {DEMO_MD5}\n  path: data\n"
TESTS = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose data.dvc names the demo, without data/; DVC is only played."""
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    (root / "params.yaml").write_text(PARAMS)
    (root / "data.dvc").write_text(DEMO)
    monkeypatch.setattr(folder_module, "track", lambda data: (root / "data.dvc").write_text(tracker(data)))
    monkeypatch.setattr(project_module, "is_tracked", played_is_tracked)
    return root


def tracker(data):
    return f"outs:\n- md5: {hash(str(content(data)))}\n  path: data\n"


def played_is_tracked(data):
    return data.exists() and data.with_name("data.dvc").read_text() == tracker(data)


@pytest.fixture
def ask(small_year, server, project):
    """Bring sets of the small year into the project; return what is said."""

    def ask_for(*sets, **options):
        said = []
        request = Request(year=small_year, sets=sets or ("dev",), site=server.url, retry=HASTY, **options)
        return download_and_import(request, project, said.append), said

    return ask_for


@pytest.fixture
def truth(tmp_path):
    """The organisers' evaluator."""
    names = [Path(name).name for name in clips_to_test("pump")]
    folder = tmp_path / "evaluator" / "ground_truth_attributes"
    folder.mkdir(parents=True)
    rows = [f"section_00_{number:04}.wav,{name.removesuffix('.wav')}\n" for number, name in enumerate(names)]
    (folder / "ground_truth_pump_section_00_test.csv").write_text("".join(rows))
    return folder.parent


def expected(machine, hidden=False):
    files = clips_to_train(machine) | clips_to_test(machine, hidden=hidden)
    return {f"data/{name}": text for name, text in files.items()}


def data_of(project):
    return {name: text for name, text in content(project).items() if name.startswith("data/")}


def refuse(ask, project, match, *sets, **options):
    """Ask, expect one sentence, and that data and parameters are as they were."""
    before = {name: text for name, text in content(project).items() if not name.startswith("downloads/")}
    with pytest.raises(StridorError, match=match) as refused:
        ask(*sets, **options)
    assert "\n" not in str(refused.value)
    after = {name: text for name, text in content(project).items() if not name.startswith("downloads/")}
    after.pop("dcase-checksums.csv", None)
    before.pop("dcase-checksums.csv", None)
    assert after == before
    assert not list(project.glob(".*unfinished*"))
    assert not list(project.glob("downloads/unpacked*"))


def test_the_development_set_takes_the_demos_place(ask, project, server):
    report, said = ask()
    assert data_of(project) == expected("fan") | expected("valve")
    detectors = read_params(project / "params.yaml").detectors
    assert {name: entry.machines for name, entry in detectors.items()} == {"valve": ("valve",), "fan": ("fan",)}
    assert "learning_rate: 2.0e-4" in (project / "params.yaml").read_text(), "tuned values stay"
    assert len(said) == 1
    assert "dev_valve.zip" in said[0]
    assert "CC BY-NC-SA 4.0" in said[0]
    assert "removed the detectors pump" in report
    assert "Commit dcase-checksums.csv" in report
    names = sorted(path.relative_to(project / "downloads").as_posix() for path in project.glob("downloads/*/*"))
    assert names == ["101/dev_fan.zip", "101/dev_valve.zip"]
    assert len((project / "dcase-checksums.csv").read_text().splitlines()) == 3


def test_a_second_call_does_nothing(ask, project, server):
    ask()
    before, asked = content(project), len(server.asked)
    report, _ = ask()
    assert report == f"All of it is in {project / 'data'} already: fan, valve."
    assert content(project) == before
    assert len(server.asked) == asked


def test_archives_may_be_thrown_away(ask, project):
    ask()
    shutil.rmtree(project / "downloads")
    assert "already" in ask()[0]


def test_demo_on_disk_gives_way(ask, project, monkeypatch):
    write_machine(project / "data" / "ToyCar")
    monkeypatch.setattr(project_module, "is_tracked", lambda data: True)
    ask(machines=("fan",))
    assert data_of(project) == expected("fan")


def test_demo_with_changes_stays(ask, project):
    for machine in ("valve", "pump"):
        write_machine(project / "data" / machine)
    refuse(ask, project, "valve holds other clips than the archives")
    ask(machines=("fan",))
    assert sorted(path.name for path in (project / "data").iterdir()) == ["fan", "pump", "valve"]


@pytest.fixture
def own(project):
    """The project with recordings of its own."""
    for machine in ("valve", "pump"):
        write_machine(project / "data" / machine)
    (project / "data.dvc").write_text(tracker(project / "data"))
    return content(project)


def test_own_machines_stay(ask, project, own):
    ask(machines=("fan",))
    assert data_of(project) == {n: t for n, t in own.items() if n.startswith("data/")} | expected("fan")
    assert list(read_params(project / "params.yaml").detectors) == ["valve", "pump", "fan"]


def test_own_machines_are_replaced_on_request(ask, project, own):
    refuse(ask, project, "valve holds other clips than the archives.*; pass --replace")
    ask(replace=True)
    assert {"data/valve/attributes_00.csv"} <= set(data_of(project))
    assert sorted(path.name for path in (project / "data").iterdir()) == ["fan", "pump", "valve"]


def test_fresh_leaves_only_what_was_asked_for(ask, project, own):
    ask(machines=("fan",), fresh=True)
    assert data_of(project) == expected("fan")
    assert list(read_params(project / "params.yaml").detectors) == ["fan"]
    assert "already" in ask(machines=("fan",), fresh=True)[0]
    ask()
    ask(machines=("fan",), fresh=True)
    assert data_of(project) == expected("fan")


def test_what_data_dvc_names_must_be_here(ask, project):
    (project / "data.dvc").write_text("outs:\n- md5: 0\n  path: data\n")
    refuse(ask, project, "run 'make data' first")


def test_evaluation_set_brings_training_clips_and_hides_labels(ask, project):
    report, _ = ask("eval")
    assert data_of(project) == expected("pump", hidden=True)
    assert "test clips hide domain and label" in report


def test_evaluation_set_with_ground_truth(ask, project, truth):
    ask("eval", ground_truth=truth)
    assert data_of(project) == expected("pump")
    refuse(ask, project, r"clips that were named by a ground truth need --ground-truth again\); pass --replace", "eval")
    assert "already" in ask("eval", ground_truth=truth)[0]


def test_sets_come_one_after_the_other(ask, project, truth, server):
    assert "there are no test clips" in ask("additional")[0]
    ask("eval")
    assert data_of(project) == expected("pump", hidden=True)
    ask("eval", ground_truth=truth)
    assert data_of(project) == expected("pump")
    ask("dev")
    assert data_of(project) == expected("pump") | expected("fan") | expected("valve")
    assert len(server.downloads()) == 4


def test_ground_truth_is_looked_at_before_anything_is_downloaded(ask, project, tmp_path, server):
    refuse(ask, project, "is not a folder; expected the organisers' evaluator", "eval", ground_truth=tmp_path / "x")
    refuse(ask, project, "Only the evaluation set hides labels", "dev", ground_truth=tmp_path)
    assert server.asked == []


def test_a_hostile_archive_changes_nothing(ask, project, server):
    files = clips_to_train("valve") | clips_to_test("valve")
    server.files["101", "dev_valve.zip"] = archive(files | {"../../evil.wav": b"x"})
    refuse(ask, project, r"'../../evil\.wav', which leads out of its folder")
    assert not list(project.parent.rglob("evil*"))


def test_an_archive_with_too_few_clips_changes_nothing(ask, project, server):
    server.files["101", "dev_valve.zip"] = archive(clips_to_train("valve"))
    refuse(ask, project, "holds 0 test clips, and 4 are published")


def test_a_clip_that_cannot_be_used_changes_nothing(ask, project, server):
    files = clips_to_train("valve") | clips_to_test("valve")
    silent = next(iter(files))
    server.files["101", "dev_valve.zip"] = archive(files | {silent: files[silent][:44] + bytes(5602)})
    refuse(ask, project, "is silent")


@pytest.mark.parametrize("failing", ["_what_is_missing", "unpack", "import_folder"])
def test_an_interrupt_changes_nothing(ask, project, monkeypatch, failing):
    real = getattr(project_module, failing)

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(project_module, failing, interrupted)
    before = content(project)
    with pytest.raises(KeyboardInterrupt):
        ask()
    kept = {n: t for n, t in content(project).items() if not n.startswith(("downloads/", "dcase-"))}
    assert kept == before
    assert not list(project.glob("downloads/unpacked*"))
    monkeypatch.setattr(project_module, failing, real)
    ask()
    assert data_of(project) == expected("fan") | expected("valve")


def test_other_disks_get_copies(ask, project, monkeypatch):
    def across(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", across)
    ask()
    assert data_of(project) == expected("fan") | expected("valve")
    assert not list(project.glob(".dcase-probe*"))


def test_a_full_disk_is_told_before_unpacking(ask, project, monkeypatch):
    ask(machines=("valve",))
    shutil.rmtree(project / "data" / "valve")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    refuse(ask, project, r"archives unpack to 0\.0 GB, which DVC's cache takes once more", machines=("valve",))


def test_two_downloads_at_once_are_refused(ask, project):
    from filelock import FileLock

    (project / "downloads").mkdir()
    with FileLock(project / "downloads" / ".lock"):
        refuse(ask, project, "Another download into .* is running")


def test_what_is_no_project_is_left_alone(ask, project, server):
    (project / ".dvc").rmdir()
    refuse(ask, project, "is not a DVC project")
    (project / "params.yaml").unlink()
    refuse(ask, project, r"params\.yaml is missing")
    assert server.asked == []
    assert not (project / "downloads").exists()


def test_listing_changes_nothing(small_year, server, project):
    before = content(project)
    text = list_files(Request(year=small_year, sets=("dev", "eval"), site=server.url, retry=HASTY), project)
    assert text.splitlines()[0].split()[:3] == ["dev_fan.zip", "record", "101"]
    assert "4 files" in text
    assert content(project) == before
    assert server.downloads() == []


def killed(ask, at_step, *sets, **options):
    """Ask in a process of its own that is killed before a change of the disk; return whether it came that far."""
    process = multiprocessing.get_context("fork").Process(target=_ask_and_die, args=(ask, at_step, sets, options))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _ask_and_die(ask, at_step, sets, options):
    done = 0

    def hook(event, arguments):
        nonlocal done
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or event in ("os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.truncate"):
            done += 1
            if done == at_step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    # One after the other, so that the steps come in the same order every time.
    ask(*sets, **options, parallel=1)


@pytest.mark.parametrize("case", ["demo", "beside", "replace", "grow"])
def test_killed_at_any_step_a_second_call_ends_in_the_same_state(ask, project, tmp_path, case):
    sets, options = ("dev",), {"machines": ("fan",)}
    if case in ("beside", "replace"):
        for machine in ("valve", "pump"):
            write_machine(project / "data" / machine)
        (project / "data.dvc").write_text(tracker(project / "data"))
    if case == "replace":
        options = {"machines": ("valve",), "replace": True}
    if case == "grow":
        ask("additional")
        sets, options = ("eval",), {}
    before = shutil.copytree(project, tmp_path / "before")
    ask(*sets, **options)
    final = content(project)
    # Every fifth change of the disk, and in each case others.
    step = 1 + ["demo", "beside", "replace", "grow"].index(case)
    while True:
        step += 5
        shutil.rmtree(project)
        shutil.copytree(before, project)
        if not killed(ask, step, *sets, **options):
            break
        ask(*sets, **options)
        assert content(project) == final, step
        assert not list(project.glob(".*unfinished*"))
        assert not [path for path in project.glob("downloads/**/*") if "unfinished" in path.name]
    assert content(project) == final
    assert step > 40


def test_a_real_project_whose_download_is_killed(server, empty_project, tmp_path, forked_python, monkeypatch):
    """With DVC, git and the command as they are, though forked, killed in the middle of two archives."""
    forked_python.replace(monkeypatch)
    root = shutil.copytree(empty_project, tmp_path / "real")
    for machine in ("fan", "valve"):
        files = {"LICENSE.pdf": clip("licence", 200_000)} | clips_to_train(machine) | clips_to_test(machine)
        server.files["101", f"dev_{machine}.zip"] = archive(files)
    command = [
        sys.executable, "-c", "import zenodo, stridor.cli.main; zenodo.add_small_year(); stridor.cli.main.main()",
        "data", "dcase", "--year", "1999", "--set", "dev,eval", "--fresh", "--site", server.url,
    ]  # fmt: skip
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    run = {"cwd": root, "env": os.environ | {"PYTHONPATH": paths}, "text": True}
    server.gate = gate = threading.Event()
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **run)
    deadline = time.monotonic() + 120
    while sum(path.stat().st_size > 0 for path in root.glob("downloads/*/*.unfinished-*")) < 2:
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    first.kill()
    first.wait()
    while forked_python.jobs():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    gate.set()
    server.gate = None
    assert not (root / "data").exists()
    server.asked.clear()
    second = subprocess.run(command, capture_output=True, **run)
    assert second.returncode == 0, second.stderr
    assert "Imported into data/ and tracked by data.dvc: fan, pump, valve" in second.stdout
    assert sum(asked is not None for _, asked in server.asked) == 2, "both large archives were taken up in their middle"
    assert data_of(root) == expected("fan") | expected("valve") | expected("pump", hidden=True)
    assert list(read_params(root / "params.yaml").detectors) == ["valve", "pump", "fan"]
    status = [sys.executable, "-m", "dvc", "status", "--quiet"]
    assert subprocess.run(status, cwd=root).returncode == 0
    third = subprocess.run(command, capture_output=True, **run)
    assert "All of it is in data already: fan, valve, pump." in third.stdout
