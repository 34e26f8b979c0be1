"""How recordings of any length become clips: the user's settings and their ranges."""

from dataclasses import dataclass

from stridor.common.errors import StridorError

SHORTEST_CLIP_SECONDS, LONGEST_CLIP_SECONDS = 1.0, 120.0


@dataclass(frozen=True)
class Cutting:
    """How a plain folder becomes clips.

    Attributes
    ----------
    clip_seconds : float
        Length of a clip. The last one of a recording is between a third and four thirds of that, and a
        shorter recording is one clip.
    test_share : float
        Share of the normal recordings that are kept for the test, in [0, 1).
    skip_unreadable : bool
        Leave out what cannot be used instead of refusing the import.

    Raises
    ------
    StridorError
        If a value is out of its range.
    """

    clip_seconds: float = 10.0
    test_share: float = 0.25
    skip_unreadable: bool = False

    def __post_init__(self) -> None:
        if not SHORTEST_CLIP_SECONDS <= self.clip_seconds <= LONGEST_CLIP_SECONDS:
            raise StridorError(
                f"--clip-seconds is {self.clip_seconds:g}; expected {SHORTEST_CLIP_SECONDS:g} to "
                f"{LONGEST_CLIP_SECONDS:g} seconds."
            )
        if not 0 <= self.test_share < 1:
            raise StridorError(
                f"--test-share is {self.test_share:g}; expected a share of the normal recordings, from 0 to below 1."
            )
