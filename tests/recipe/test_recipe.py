"""The scripts that made the pretrained encoder: the teacher against its reference, the synthesiser, the folds."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kit import kit
from stridor.common.errors import StridorError
from stridor.common.seeds import rng_for
from stridor.ingest.demo import DEMO_SEED

RECIPE = Path(__file__).resolve().parents[2] / "pretrained" / "recipe"


@pytest.fixture(autouse=True)
def _recipe_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(RECIPE)
    yield
    for name in ("mn04", "machines", "pretrain", "evaluate"):
        sys.modules.pop(name, None)


@pytest.fixture
def reference():
    with np.load(kit("teachers") / "mn04" / "mn04_reference.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture
def teacher():
    from mn04 import load_mn04

    return load_mn04(kit("teachers") / "mn04" / "mn04_as_mAP_432.pt")


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@torch.no_grad()
def test_mn04_equals_its_reference(teacher, reference):
    wave = reference["wav16k"][None]
    answer = teacher(wave)
    close(answer.pooled[0], reference["embedding"])
    close(answer.map[0].permute(2, 1, 0), reference["fmap"])
    close(teacher.logits(answer.pooled)[0], reference["logits"])
    close(answer.tags[0], reference["logits"].sigmoid())


def test_missing_weights_are_named(tmp_path):
    from mn04 import load_mn04

    with pytest.raises(StridorError, match=r"nowhere\.pt is missing; give the path of mn04_as_mAP_432\.pt"):
        load_mn04(tmp_path / "nowhere.pt")
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    with pytest.raises(StridorError, match=r"list\.pt is not the teacher mn04"):
        load_mn04(tmp_path / "list.pt")


def test_every_synthetic_clip_is_another_and_can_be_drawn_again():
    from machines import draw_clip

    clips = [draw_clip(rng_for(7, "recipe", number), 1.0) for number in range(12)]
    assert all(clip.shape == (16000,) and clip.dtype == np.int16 and clip.std() > 20 for clip in clips)
    assert len({clip.tobytes() for clip in clips}) == 12
    assert np.array_equal(clips[3], draw_clip(rng_for(7, "recipe", 3), 1.0))


def test_the_demos_seed_is_refused(tmp_path):
    from machines import write_clips

    with pytest.raises(StridorError, match="is the demo's"):
        write_clips(tmp_path, 1, DEMO_SEED, 1)


def test_the_fold_for_judging_is_kept_out(tmp_path):
    from pretrain import esc10_files

    (tmp_path / "meta.csv").write_text("file,class,fold\nrain/a.flac,rain,1\nrain/b.flac,rain,5\n")
    assert esc10_files(tmp_path) == [tmp_path / "rain" / "a.flac"]
    with pytest.raises(StridorError, match=r"meta\.csv is missing"):
        esc10_files(tmp_path / "nowhere")


def test_the_number_of_steps_is_measured_once(tmp_path):
    from pretrain import steps_within

    (tmp_path / "kept").write_text("1234")
    assert steps_within(1.0, tmp_path / "kept", None, None, None) == 1234
