"""Two halves of the labelled test clips."""

from collections import Counter
from dataclasses import replace

import pytest

from stridor.common.errors import StridorError
from stridor.data.manifest import Clip, Manifest
from stridor.experiments.tuning.split import split_halves

CLIP = Clip("", "fan", "test", "00", "source", "normal", None, "{}", 3.0, 16000, 1, "0" * 32)


def clips_of(machine="fan", counts=(5, 4, 6, 3)):
    groups = [(domain, label) for label in ("normal", "anomaly") for domain in ("source", "target")]
    return [
        replace(CLIP, path=f"data/{machine}/test/{domain}_{label}_{i}.wav", machine=machine, domain=domain, label=label)
        for (domain, label), count in zip(groups, counts, strict=True)
        for i in range(count)
    ]


def groups(clips):
    return Counter((clip.machine, clip.domain, clip.label) for clip in clips)


def test_every_group_is_halved_and_no_clip_is_in_both():
    clips = clips_of()
    halves = split_halves(clips, 0)
    assert sorted(clip.path for clip in halves.tuning + halves.held_back) == sorted(clip.path for clip in clips)
    assert list(groups(halves.tuning).values()) == [3, 3, 2, 2]
    assert groups(halves.held_back)["fan", "source", "normal"] == 2
    assert groups(halves.held_back)["fan", "target", "anomaly"] == 1


def test_the_seed_and_nothing_else_decides():
    clips = clips_of()
    assert split_halves(clips, 0) == split_halves(clips[::-1], 0)
    assert split_halves(clips, 0) != split_halves(clips, 1)
    beside = split_halves(clips + clips_of("pump"), 0)
    assert [clip for clip in beside.tuning if clip.machine == "fan"] == list(split_halves(clips, 0).tuning)


def test_a_manifest_without_the_held_back_half():
    clips = clips_of()
    train = replace(CLIP, path="data/fan/train/a.wav", split="train")
    halves = split_halves(clips, 0)
    left = halves.without_held_back(Manifest((train, *clips)))
    assert left.select("train") == [train]
    assert set(left.select("test")) == set(halves.tuning)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((3, 9, 9, 9), "'fan' has 3 normal clips of the source domain"),
        ((9, 0, 9, 9), "'fan' has 0 normal clips of the target domain"),
        ((9, 9, 1, 1), "'fan' has 0 anomalies"),
        ((9, 9, 3, 1), "'fan' has 3 anomalies"),
    ],
)
def test_too_few_clips_are_counted_and_a_way_on_is_shown(counts, said):
    with pytest.raises(StridorError, match=f"{said}.*objective: normal_only"):
        split_halves(clips_of(counts=counts), 0)


def test_anomalies_of_one_domain_are_enough():
    assert groups(split_halves(clips_of(counts=(4, 4, 4, 0)), 0).held_back)["fan", "source", "anomaly"] == 2
