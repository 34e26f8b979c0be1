"""The pseudo-anomaly AUC: held-out normals against injected faults, never with a clip in its own bank."""

import numpy as np
import pytest
import soundfile
from sklearn.metrics import roc_auc_score

from stridor.common.errors import StridorError
from stridor.data.manifest import Clip
from stridor.params.sections import AudioParams
from stridor.selection.faults import FAULTS, inject
from stridor.selection.pseudo_auc import FEWEST_CLIPS, MOST_CLIPS, FaultyClips, pseudo_auc

CLIPS = 23


@pytest.fixture
def faulty():
    return FaultyClips.plan(CLIPS, 0, "pump")


def test_every_fault_is_injected_into_every_clip_of_a_small_set(faulty):
    assert len(faulty.faults) == len(FAULTS) * CLIPS
    for fault in FAULTS:
        sources = [source for source, kind in zip(faulty.sources, faulty.faults, strict=True) if kind == fault]
        assert sources == list(range(CLIPS))


def test_of_many_clips_some_are_drawn_for_each_fault():
    many = FaultyClips.plan(1000, 0, "pump")
    assert len(many.faults) == len(FAULTS) * MOST_CLIPS
    assert len(set(many.sources.tolist())) > 2 * MOST_CLIPS


def test_too_few_clips_are_refused():
    with pytest.raises(StridorError, match=f"'pump' has {FEWEST_CLIPS - 1} normal clips, too few"):
        FaultyClips.plan(FEWEST_CLIPS - 1, 0, "pump")


def test_no_clip_is_scored_by_a_bank_that_holds_its_recording(faulty):
    seen_normal, seen_faulty = [], []

    def score(bank, normal, made):
        assert not set(bank) & set(normal)
        assert not set(bank) & set(faulty.sources[made])
        assert len(bank) + len(normal) == CLIPS
        seen_normal.extend(normal)
        seen_faulty.extend(made)
        return np.zeros(len(normal)), np.zeros(len(made))

    assert pseudo_auc(CLIPS, faulty, score, 0, "pump") == 0.5
    assert sorted(seen_normal) == list(range(CLIPS))
    assert sorted(seen_faulty) == list(range(len(faulty.faults)))


def test_it_is_the_mean_over_faults_of_the_auc(faulty):
    rng = np.random.default_rng(0)
    normal, made = rng.normal(size=CLIPS), rng.normal(0.5, 1, size=len(faulty.faults))
    areas = []
    for fault in FAULTS:
        some = made[np.array(faulty.faults) == fault]
        areas.append(roc_auc_score([0] * CLIPS + [1] * len(some), [*normal, *some]))
    result = pseudo_auc(CLIPS, faulty, lambda bank, held_out, of: (normal[held_out], made[of]), 0, "pump")
    assert result == pytest.approx(np.mean(areas))


def test_the_faulty_waves_are_those_of_the_plan(tmp_path):
    clips = []
    for i in range(FEWEST_CLIPS):
        path = tmp_path / f"section_00_source_train_normal_{i:04d}.wav"
        soundfile.write(path, 0.1 * np.random.default_rng(i).standard_normal(4000), 16000, subtype="FLOAT")
        clips.append(Clip(str(path), "pump", "train", "00", "source", "normal", None, "", 0.25, 16000, 1, str(i)))
    plan = FaultyClips.plan(len(clips), 0, "pump")
    waves = list(plan.waves(clips, AudioParams(), 0))
    assert len(waves) == len(plan.faults)
    again = list(plan.waves(clips, AudioParams(), 0))
    for one, two in zip(waves, again, strict=True):
        np.testing.assert_array_equal(one, two)
    # The same fault in two clips is drawn anew.
    gains = [np.std(wave) for wave, fault in zip(waves, plan.faults, strict=True) if fault == "tone"]
    assert len(set(gains)) == len(gains)
    assert inject("tone", np.ones(4000), np.ones(4000), np.random.default_rng(0)).shape == waves[0].shape
