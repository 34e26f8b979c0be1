"""Errors of users end in one sentence and exit code 2; defects keep their traceback."""

import pytest

from stridor.common.errors import StridorError, fail, one_sentence


def test_user_error_is_one_line_and_exit_code_2(capsys):
    with pytest.raises(SystemExit) as left, one_sentence():
        raise StridorError("x.wav is missing; give another.")
    assert left.value.code == 2
    assert capsys.readouterr().err == "stridor: x.wav is missing; give another.\n"


def test_failure_of_the_system_names_the_file(capsys, tmp_path):
    with pytest.raises(SystemExit) as left, one_sentence():
        (tmp_path / "nowhere" / "a").read_bytes()
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "nowhere" in error
    assert "Traceback" not in error


def test_a_package_of_the_pipeline_that_is_not_installed(capsys):
    with pytest.raises(SystemExit) as left, one_sentence():
        raise ModuleNotFoundError("No module named 'optuna.trial'", name="optuna.trial")
    assert left.value.code == 2
    assert capsys.readouterr().err == (
        "stridor: optuna is not installed: this command needs the extra stridor[pipeline]; run "
        "pip install 'stridor[pipeline]'.\n"
    )


DEFECTS = [ValueError("defect"), KeyError("defect"), OSError("no reason"), ModuleNotFoundError("x", name="stridor.x")]


@pytest.mark.parametrize("defect", DEFECTS)
def test_defects_keep_their_traceback(defect):
    with pytest.raises(type(defect)), one_sentence():
        raise defect


def test_nothing_happens_without_an_error(capsys):
    with one_sentence():
        pass
    assert capsys.readouterr().err == ""


def test_fail(capsys):
    with pytest.raises(SystemExit) as left:
        fail("so it is.")
    assert left.value.code == 2
    assert capsys.readouterr().err == "stridor: so it is.\n"


def test_a_message_is_one_printable_line_whatever_it_quotes():
    assert str(StridorError("a\nb\x1b[2J\0\udcff is odd.")) == "a\\nb\\x1b[2J\\x00\\xff is odd."


def test_a_message_that_quotes_a_whole_file_is_shortened_in_the_middle():
    said = str(StridorError(f"a.csv holds '{'x' * 10**6}'; write it again."))
    assert len(said) < 2100
    assert said.startswith("a.csv holds 'xxx")
    assert said.endswith("xxx'; write it again.")
