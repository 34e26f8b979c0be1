"""YAML by hand: whatever it holds, it is a value or one sentence that names the line, within a moment."""

import time

import pytest

from stridor.common.errors import StridorError
from stridor.params.reading import MOST_VALUES, parse_yaml, read_yaml

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 9)}]}}\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2001-99-99\n", "line 2, is not valid YAML: '2001-99-99' is not the timestamp"),
        ("a: " + "9" * 5000, "line 1, is not valid YAML: '999"),
        ("a: !!int x", "'x' is not the int"),
        ("a: !!bool x", "'x' is not the bool"),
        ('a: !!int ""', "'' is not the int"),
        ('a: !!float ""', "'' is not the float"),
        ("a: !!timestamp x", "line 1, is not valid YAML"),
        ("a: !!python/object/apply:os.system [x]", "line 1, is not valid YAML"),
        ("a: " + "[" * 600, "nested more than 30 deep"),
        ("a: " + "[" * 600 + "]" * 600, "nested more than 30 deep"),
        (LAUGHS, f"more than {MOST_VALUES} values"),
        (MERGES, f"more than {MOST_VALUES} values"),
        ("a: *b", "undefined alias"),
        ("a: 1\na: 2\n", "line 2, is not valid YAML"),
        ("a: [1\n", "is not valid YAML"),
        ("a: \x07", "is not valid YAML"),
        ("x" * (2**20 + 1), "characters"),
    ],
)
def test_what_is_no_parameter_file_is_refused_at_once(text, said):
    begin = time.monotonic()
    with pytest.raises(StridorError) as refused:
        parse_yaml(text, "mine.yaml")
    assert time.monotonic() - begin < 10
    sentence = str(refused.value)
    assert said in sentence
    assert sentence.startswith("mine.yaml")
    assert "\n" not in sentence
    assert len(sentence) < 300


def test_short_aliases_and_merges_are_read():
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: [*a, *a]\n"
    a = {"x": 1, "y": 2}
    assert parse_yaml(text, "") == {"a": a, "b": {"x": 1, "y": 3}, "c": [a, a]}


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "marked.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(tmp_path / "marked.yaml") == {"a": 1}


def test_other_encodings_and_folders_are_named(tmp_path):
    (tmp_path / "wide.yaml").write_text("a: 1\n", encoding="utf-16")
    with pytest.raises(StridorError, match=r"wide\.yaml is not valid YAML: byte 0 is not UTF-8"):
        read_yaml(tmp_path / "wide.yaml")
    with pytest.raises(StridorError, match="cannot be read"):
        read_yaml(tmp_path)
