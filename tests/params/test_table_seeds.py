"""Seeds written into params.yaml."""

from pathlib import Path

import pytest

from stridor.common.errors import StridorError
from stridor.params import read_params
from stridor.params.table_seeds import set_seeds, with_seeds

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("profile", ["demo", "paper", "dcase2025"])
def test_nothing_but_the_seeds_changes(profile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = (ROOT / f"profiles/{profile}.yaml").read_text()
    Path("params.yaml").write_text(before)
    set_seeds(first=5, count=3)
    after = Path("params.yaml").read_text()
    table = read_params().table
    assert (table.seeds, table.full_seeds) == ((5, 6, 7), (6, 7))
    changed = [one for one, other in zip(before.splitlines(), after.splitlines(), strict=True) if one != other]
    assert [line.split(":")[0].strip() for line in changed] == ["seeds", "full_seeds"]
    set_seeds(first=0, count=1)
    assert Path("params.yaml").read_text() == before


def test_lists_written_as_lines_are_left_with_a_sentence():
    text = "table:\n  full_seeds: []\n  seeds:   # which\n    - 0\n    - 1\n"
    with pytest.raises(StridorError, match="writes the seeds of the table as lines"):
        with_seeds(text, [0])


@pytest.mark.parametrize("text", ["seed: 0\n", "table: {seeds: [0]}\n", "table:\n"])
def test_a_file_without_them_is_left_with_a_sentence(text):
    with pytest.raises(StridorError, match=r"no table\.(seeds|full_seeds) that could be set"):
        with_seeds(text, [0, 1])
