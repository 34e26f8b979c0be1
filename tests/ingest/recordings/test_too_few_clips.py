"""Imports of too few clips: refused with the number that is missing, or taken with a word on what is left out."""

import pytest

from kit import kit
from recordings import PARAMS, content, write_recording
from stridor.common.errors import StridorError
from stridor.data.needs import missing_for_measures
from stridor.ingest.recordings import Cutting, import_folder

SHORT = Cutting(clip_seconds=1)


def write(folder, *names):
    for name in names:
        write_recording(folder / name, 1)
    return folder


def test_what_the_project_s_bank_needs_is_checked_before_anything_is_written(tmp_path, project):
    (project / "params.yaml").write_text(PARAMS + "bank:\n  k: 5\n")
    before = content(project)
    with pytest.raises(StridorError, match=r"'fan' has 4 normal training clips, 2 too few for bank\.k = 5; add record"):
        import_folder(write(tmp_path / "fan", *(f"normal/{name}.wav" for name in "abcd")), project, cutting=SHORT)
    assert content(project) == before


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["normal/a.wav", "normal/b.wav"], "fan has no test clips"),
        (["normal/a.wav", "normal/b.wav", "normal/c.wav", "anomaly/x.wav"],
         "fan has no normal test clips of the target domain"),
        ([*(f"normal/target/{name}.wav" for name in "abc"), "anomaly/x.wav"],
         "fan has no normal test clips of the source domain"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_said_with_what_is_missing(tmp_path, project, names, said):
    report = import_folder(write(tmp_path / "fan", *names), project, cutting=SHORT)
    assert said in report.text()
    assert "'dvc repro index@<detector>'" in report.text()


def test_a_single_clip_is_refused(tmp_path, project):
    with pytest.raises(StridorError, match="fan gives 1 training clip; a threshold needs at least two"):
        import_folder(write(tmp_path / "fan", "normal/a.wav"), project, cutting=SHORT)


def test_the_least_that_can_be_measured_says_that_smote_is_left_out(project):
    (project / "params.yaml").write_text(PARAMS + "bank:\n  target_oversampling: 0.5\n")
    report = import_folder(kit("field/one_target_left"), project, fresh=True)
    assert not missing_for_measures(report.machines[0].clip_kinds)
    assert "pump: no synthetic references of the target domain are made (bank.target_oversampling)" in report.text()
    assert report.text().endswith("'dvc repro' runs the pipeline.")
