"""The table of years, and the archives that a request names."""

import pytest

from stridor.common.errors import StridorError
from stridor.ingest.dcase.years import SETS, YEARS, wanted_archives


def test_the_published_numbers():
    assert {name: one.record for name, one in YEARS[2025].items()} == {
        "dev": "15097779",
        "additional": "15392814",
        "eval": "15519362",
    }
    records = [one.record for sets in YEARS.values() for one in sets.values()]
    assert len(set(records)) == len(records) == 9
    for sets in YEARS.values():
        assert tuple(sets) == SETS
        assert len(sets["dev"].machines) == 7
        assert sets["additional"].machines == sets["eval"].machines
        assert not set(sets["dev"].machines) & set(sets["eval"].machines)
    assert len(YEARS[2025]["eval"].machines) == 8
    assert YEARS[2025]["dev"].counts["train", "target", "normal"] == 10
    assert YEARS[2025]["dev"].counts["supplemental", None, None] == 100
    assert YEARS[2023]["dev"].counts["supplemental", None, None] == 0
    assert ("supplemental", None, None) not in YEARS[2025]["eval"].counts


def test_archives_of_a_set():
    names = [one.stem for one in wanted_archives(2025, ("dev",))]
    assert names == [f"dev_{m}" for m in ("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve")]


def test_the_evaluation_set_brings_its_training_clips():
    names = [(one.record, one.stem) for one in wanted_archives(2025, ("eval",), ("ToyPet",))]
    assert names == [("15392814", "eval_data_ToyPet_train"), ("15519362", "eval_data_ToyPet_test")]


def test_machines_of_several_sets():
    names = [one.stem for one in wanted_archives(2024, ("additional", "dev"), ("3DPrinter", "fan"))]
    assert names == ["dev_fan", "eval_data_3DPrinter_train"]


@pytest.mark.parametrize(
    ("year", "sets", "machines", "said"),
    [
        (2022, ("dev",), (), "no table for the year 2022; expected one of 2023, 2024, 2025"),
        (2025, ("train",), (), "no set 'train'; expected some of dev, additional, eval"),
        (2025, (), (), "No set is named"),
        (2025, ("dev",), ("fan", "ToyPet"), "have no machine 'ToyPet'; expected some of ToyCar, "),
    ],
)
def test_what_does_not_exist_is_refused(year, sets, machines, said):
    with pytest.raises(StridorError, match=said):
        wanted_archives(year, sets, machines)
