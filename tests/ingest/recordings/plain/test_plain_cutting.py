"""Wishes that cannot be."""

import pytest

from stridor.common.errors import StridorError
from stridor.ingest.recordings.plain import Cutting


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
