"""Which clips there are, and that nothing in the plan of a clip but its fault makes it an anomaly."""

from collections import Counter, defaultdict

import pytest

from stridor.ingest.demo.catalogue import CATALOGUE
from stridor.ingest.demo.plan import plan

each_machine = pytest.mark.parametrize("machine", CATALOGUE, ids=lambda machine: machine.name)


def test_the_catalogue_holds_the_development_machines_of_2025():
    kinds = {machine.name: machine.supplement for machine in CATALOGUE}
    assert kinds == {
        "ToyCar": "clean", "ToyTrain": "noise", "bearing": "clean", "fan": "noise", "gearbox": "noise",
        "slider": "noise", "valve": "clean",
    }  # fmt: skip
    seconds = {machine.name: machine.clip_seconds for machine in CATALOGUE}
    assert len(set(seconds.values())) == 7
    assert all(3.0 <= each <= 5.0 for each in seconds.values())
    assert sorted(seconds, key=seconds.get)[-2:] == ["ToyTrain", "ToyCar"]
    assert sum(machine.attributes_hidden for machine in CATALOGUE) == 2


@each_machine
def test_domains_differ_in_attributes_place_and_microphone(machine):
    source, target = machine.domains["source"], machine.domains["target"]
    grids = [set(domain.attributes.items()) for domain in (source, target)]
    assert grids[0] != grids[1]
    assert source.surroundings != target.surroundings
    assert source.microphone != target.microphone


@each_machine
@pytest.mark.parametrize("seed", [2025, 0, 1])
def test_normal_and_anomalous_test_clips_share_their_conditions(machine, seed):
    groups = defaultdict(Counter)
    for clip in plan(machine, seed):
        if clip.split == "test":
            groups[clip.condition.domain, clip.fault is None][clip.condition] += 1
    assert len(groups) == 4
    for domain in ("source", "target"):
        assert groups[domain, True] == groups[domain, False]
        assert groups[domain, True].total() == 15
    levels = {key: sorted(condition.level_db for condition in group) for key, group in groups.items()}
    assert all(each == levels["source", True] for each in levels.values())
    assert max(levels["source", True]) - min(levels["source", True]) == pytest.approx(12.0)


@each_machine
def test_faults_are_of_several_kinds_and_from_slight_to_grave(machine):
    severities = defaultdict(list)
    for clip in plan(machine, 2025):
        assert (clip.fault is not None) == ("_anomaly_" in clip.file_name)
        if clip.fault is not None:
            severities[clip.fault.kind].append(clip.fault.severity)
    assert set(severities) == set(machine.kind.FAULTS)
    assert len(severities) >= 3
    assert all(min(each) < 0.3 and max(each) > 0.7 for each in severities.values())


@each_machine
def test_plans_are_repeatable_and_depend_on_the_seed(machine):
    assert plan(machine, 7) == plan(machine, 7)
    assert plan(machine, 7) != plan(machine, 8)
