"""A model's folder: what describes a detector, and descriptions that do not."""

import pytest

from stridor.common.errors import StridorError
from stridor.tracking.model_files import read_model

SOUND = """\
flavors:
  python_function:
    artifacts:
      banks: {path: artifacts/bank, uri: a}
      encoder: {path: artifacts/encoder.pt, uri: a}
    config: {device: cpu}
"""


def described(folder, text):
    (folder / "MLmodel").write_text(text)
    return folder


def test_files_and_settings_of_a_model(tmp_path):
    files, settings = read_model(described(tmp_path, SOUND))
    assert files == {"banks": tmp_path / "artifacts/bank", "encoder": tmp_path / "artifacts/encoder.pt"}
    assert settings == {"device": "cpu"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("flavors:", "flavours:"), ("banks: {path: artifacts/bank, uri: a}", "banks: 3.5"),
        ("artifacts:\n", "artifacts: 1.5\n    more:\n"), ("config: {device: cpu}", "config: 7"),
        ("config: {device: cpu}", "config: [a]"), ("{path: artifacts/bank, uri: a}", "{path: 3}"),
        ("{device: cpu}", "{device: !!python/name:os.system }"), ("flavors:", "flavors: !!python/module:antigravity"),
        ("flavors:", "- 1\nflavors:"), ("python_function:", "python_function: 1"), 
    ],
)  # fmt: skip
def test_a_description_of_something_else_is_refused_by_its_name(tmp_path, old, new):
    assert old in SOUND
    with pytest.raises(StridorError, match="MLmodel"):
        read_model(described(tmp_path, SOUND.replace(old, new)))


@pytest.mark.parametrize("place", ["../encoder.pt", "/etc/passwd", "artifacts/../../encoder.pt"])
def test_files_outside_of_the_folder_are_refused(tmp_path, place):
    with pytest.raises(StridorError, match=f"{place} lies outside of its folder"):
        read_model(described(tmp_path, SOUND.replace("artifacts/encoder.pt", place)))


def test_what_repeats_itself_without_end_is_refused_at_once(tmp_path):
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefg", "bcdefgh", strict=True)]
    with pytest.raises(StridorError, match="MLmodel holds more than"):
        read_model(described(tmp_path, "\n".join(lines) + "\n" + SOUND))
