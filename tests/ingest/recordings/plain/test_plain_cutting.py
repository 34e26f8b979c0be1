"""Where the cuts are, and wishes that cannot be."""

import pytest

from stridor.common.errors import StridorError
from stridor.ingest.recordings.plain import Cutting
from stridor.ingest.recordings.plain.cutting import clip_lengths


@pytest.mark.parametrize(
    ("frames", "lengths"),
    [
        (1, [1]), (29, [29]), (99, [99]), (100, [100]), (101, [101]), (133, [133]), (134, [100, 34]),
        (200, [100, 100]), (201, [100, 101]), (999, [100] * 9 + [99]), (1033, [100] * 9 + [133]),
    ],
)  # fmt: skip
def test_a_rest_below_a_third_is_the_end_of_the_clip_before(frames, lengths):
    assert clip_lengths(frames, 100) == lengths


@pytest.mark.parametrize("frames", [*range(1, 12), 160_000, 159_999, 3_600_001])
@pytest.mark.parametrize("clip_frames", [1, 3, 7, 160_000])
def test_every_frame_belongs_to_one_clip(frames, clip_frames):
    lengths = clip_lengths(frames, clip_frames)
    assert sum(lengths) == frames
    assert all(length * 3 >= clip_frames for length in lengths[1:])
    assert all(length * 3 < clip_frames * 4 for length in lengths)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"clip_seconds": 0.5}, "--clip-seconds is 0.5; expected 1 to 120"),
        ({"clip_seconds": float("nan")}, "--clip-seconds is nan"),
        ({"clip_seconds": 121}, "--clip-seconds is 121"),
        ({"test_share": 1}, "--test-share is 1; expected"),
        ({"test_share": -0.1}, "--test-share is -0.1"),
        ({"test_share": float("nan")}, "--test-share is nan"),
    ],
)
def test_impossible_values_are_refused(how, said):
    with pytest.raises(StridorError) as refused:
        Cutting(**how)
    assert str(refused.value).startswith(said)
