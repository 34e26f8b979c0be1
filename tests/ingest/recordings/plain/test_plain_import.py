"""Importing plain folders as a whole: what lies there afterwards, what is refused, and what a kill leaves."""

import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import pytest
import soundfile as sf
from filelock import FileLock

from recordings import PARAMS, content, write_machine, write_recording
from stridor.common.errors import StridorError
from stridor.data.manifest import build_manifest
from stridor.ingest.ready import make_ready
from stridor.ingest.recordings import Cutting, import_folder
from stridor.ingest.recordings import folder as folder_module
from stridor.ingest.recordings.journal import undo_killed
from stridor.ingest.recordings.plain import writing
from stridor.params import read_params

SHORT = Cutting(clip_seconds=1)


def refuse(source, project, said, **options):
    before = content(project)
    with pytest.raises(StridorError) as refused:
        import_folder(source, project, **options)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert content(project) == before
    assert not list(project.glob(".*unfinished*"))


def test_a_plain_folder_becomes_a_machine_of_the_pipeline(project, plain):
    before = content(project)
    report = import_folder(plain.parent, project, cutting=SHORT)
    after = content(project)
    assert {name: after[name] for name in before if name.startswith("data/")} == {
        name: text for name, text in before.items() if name.startswith("data/")
    }
    manifest = build_manifest(project / "data", ("fan",), project)
    assert {split: len(manifest.select(split)) for split in ("train", "test", "supplemental")} == {
        "train": 20, "test": 15, "supplemental": 8,
    }  # fmt: skip
    assert len(manifest.select("train", domain="target")) == 5
    assert len(manifest.select("supplemental", kind="clean")) == 3
    assert {clip.seconds for clip in manifest.clips} == {1}
    assert '"recording": "0004", "second": "3"' in {clip.attributes.strip("{}") for clip in manifest.clips}
    assert after["data/fan/attributes_00.csv"].decode().count("normal/a.wav") == 5
    assert after["reports/import_fan.md"].startswith(b"# Import of fan")
    assert read_params(project / "params.yaml").detectors["fan"].machines == ("fan",)
    assert after["data.dvc"] == b"outs: new\n"
    assert "dvc repro index@<detector>" in report.text()


def test_a_machine_that_can_be_measured_may_run_the_whole_pipeline(project, plain):
    write_recording(plain / "normal" / "target" / "e.wav", 5)
    assert import_folder(plain, project, cutting=SHORT).text().endswith("\n'dvc repro' runs the pipeline.")


def test_the_usual_cutting_is_ten_seconds(project, plain):
    write_recording(plain / "normal" / "long.wav", 34)
    (machine,) = import_folder(plain, project).machines
    assert (machine.shortest_seconds, machine.longest_seconds) == (3, 10)


def test_both_layouts_come_in_together(project, plain):
    write_machine(plain.parent / "toy")
    report = import_folder(plain.parent, project, cutting=SHORT)
    assert [machine.machine for machine in report.machines] == ["fan", "toy"]
    assert sorted(path.name for path in (project / "reports").iterdir()) == ["import_fan.md"]
    assert (project / "data" / "toy" / "train").is_dir()


def test_options_that_make_no_sense_are_refused(project, plain, tmp_path):
    refuse(plain, project, "nothing can be linked; import without --link", link=True)
    write_machine(tmp_path / "dcase" / "toy")
    refuse(tmp_path / "dcase", project, "import without --clip-seconds, --test-share and --skip-un", cutting=SHORT)


def test_replace_and_fresh(project, plain):
    import_folder(plain, project, cutting=SHORT)
    first = content(project)
    refuse(plain, project, "fan is there already; import with --replace", cutting=SHORT)
    import_folder(plain, project, cutting=SHORT, replace=True)
    assert content(project) == first
    (plain / "normal" / "a.wav").unlink()
    import_folder(plain, project, fresh=True)
    assert [path.name for path in (project / "data").iterdir()] == ["fan"]
    assert b"a.wav" not in (project / "data" / "fan" / "attributes_00.csv").read_bytes().replace(b"alone.wav", b"")


def test_what_cannot_be_used_refuses_all_machines(project, plain):
    (plain / "normal" / "bad.wav").write_bytes(b"no sound")
    write_recording(plain.parent / "toy" / "normal" / "a.wav", 1)
    refuse(plain.parent, project, "--skip-unreadable leaves such recordings out; machines with problems as well: toy")
    shutil.rmtree(plain.parent / "toy")
    (machine,) = import_folder(plain, project, cutting=Cutting(skip_unreadable=True)).machines
    assert any("normal/bad.wav is not readable audio" in note for note in machine.notes)


def test_the_channel_of_the_project_must_be_there_and_decides_what_is_silent(project, plain):
    (project / "params.yaml").write_text(PARAMS + "audio:\n  channel: 1\n")
    refuse(plain, project, "has no channel 1")
    for path in [path for path in plain.rglob("*") if path.is_file()]:
        samples = write_recording(path, 5, channels=2)
    samples[:, 1] = 0
    sf.write(path, samples, 4000)
    (machine,) = import_folder(plain, project, cutting=SHORT).machines
    assert any(f"silent clips, left out (5): {path.relative_to(plain)} from 0 s" in note for note in machine.notes)
    assert machine.channels == (2,)


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_in_the_middle_of_cutting_changes_nothing(project, plain, monkeypatch, failure):
    written = []

    def write(recording, folder, real=writing._write_recording):
        if len(written) == 4:
            raise failure
        written.append(recording)
        real(recording, folder)

    monkeypatch.setattr(writing, "_write_recording", write)
    before = content(project)
    with pytest.raises(type(failure)):
        import_folder(plain, project, fresh=True)
    assert content(project) == before
    assert not list(project.glob(".*unfinished*"))


def test_two_imports_at_a_time_are_refused(project, plain):
    (project / ".dvc" / "tmp").mkdir()
    with FileLock(project / ".dvc" / "tmp" / "stridor-import.lock"):
        refuse(plain, project, "is running; wait until it has ended")
        # Until it has changed something, a running import is none of the others' business.
        assert make_ready(project) == f"{project / 'data'} is there."
        journal = project / ".data.unfinished-x" / "journal.json"
        journal.parent.mkdir()
        journal.write_text("of another")
        with pytest.raises(StridorError, match="is running"):
            make_ready(project)
    shutil.rmtree(journal.parent)
    import_folder(plain, project)


def killed(source, project, options, **how):
    """Import in a process of its own that may be killed on the way; return whether it was."""
    process = multiprocessing.get_context("fork").Process(
        target=_import_and_die, args=(source, project, options), kwargs=how
    )
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _import_and_die(source, project, options, at_step=None, at=None):
    """Import and be killed before a step of writing: by its number, or at the first of a name."""
    done = 0

    def step(real):
        def stepping(*arguments, **how):
            nonlocal done
            done += 1
            if done == at_step or real.__name__ == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **how)

        return stepping

    for name in ("rename", "replace", "unlink", "write_bytes", "write_text"):
        setattr(Path, name, step(getattr(Path, name)))
    for name in ("copyfile", "rmtree"):
        setattr(shutil, name, step(getattr(shutil, name)))
    writing._write_recording = step(writing._write_recording)
    folder_module.copy_machine = step(folder_module.copy_machine)
    folder_module.track = step(folder_module.track)
    import_folder(source, project, cutting=SHORT, **options)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"replace": True}, {"fresh": True}], ids=["beside", "replace", "fresh"])
def test_killed_at_any_step_a_second_call_ends_in_the_same_state(tmp_path, project, options):
    source = tmp_path / "recordings" / "fan"
    for name in ("normal/a.wav", "anomaly/x.wav"):
        write_recording(source / name, 2)
    write_machine(project / "data" / "fan") if options else None
    before = content(project)
    import_folder(source, project, cutting=SHORT, **options)
    final = content(project)
    outcomes = []
    for step in range(1, 100):
        shutil.rmtree(project)
        for name, text in before.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_bytes(text)
        (project / ".dvc").mkdir()
        if not killed(source, project, options, at_step=step):
            break
        undone = shutil.copytree(project, tmp_path / f"undone {step}")
        undo_killed(undone / "data")
        outcomes.append({str(before): "before", str(final): "final"}[str(content(undone))])
        if outcomes[-1] == "final" and not options:
            refuse_sweeping(source, project)
        else:
            import_folder(source, project, cutting=SHORT, **options)
        assert content(project) == final
        assert not list(project.glob(".*unfinished*"))
    else:
        pytest.fail("the import never came to its end")
    # First there is nothing to be seen of the import, later all of it; the steps behind are those of tidying up.
    assert outcomes == sorted(outcomes)
    assert {*outcomes} == {"before", "final"}
    assert len(outcomes) > 15


def refuse_sweeping(source, project):
    """An import that had only to tidy up when it was killed is complete, and a second one says so."""
    with pytest.raises(StridorError, match="is there already; import with --replace"):
        import_folder(source, project, cutting=SHORT)


def test_an_import_that_was_killed_is_said_to_be_undone(project, plain):
    before = content(project)
    assert killed(plain, project, {"fresh": True}, at="played_track")
    assert content(project) != before
    report = import_folder(plain, project, fresh=True)
    assert "note: an import that was cut off was undone first." in report.text()
    assert not list(project.glob(".*unfinished*"))


def test_a_killed_import_is_undone_before_data_are_made_ready(project, plain):
    before = content(project)
    assert killed(plain, project, {"fresh": True}, at="played_track")
    assert make_ready(project) == f"{project / 'data'} is there."
    assert content(project) == before
