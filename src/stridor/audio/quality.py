"""What is wrong with a recording that can be read: an offset, clipping, dropped samples, opposite channels, silence."""

from typing import Literal

import numpy as np

from stridor.common.errors import StridorError

# Converters reach full scale a little below 1.
FULL_SCALE = 0.999
# More samples at full scale than loud moments reach by themselves.
_CLIPPED_SHARE = 1e-3
# Of full scale; sound cards stay far below.
_OFFSET = 0.02
# Microphones are never exactly at zero for so long, and what drops samples drops whole buffers.
_DROPPED_SECONDS = 0.005
# Power of the mean relative to that of the channels; of channels that have nothing in common it is half.
_OPPOSITE_SHARE = 0.05
# -60 dB of full scale; exact zeros are common in what is fainter.
_AUDIBLE = 1e-3
# Two steps of a 16-bit converter: what remains of opposite channels that were rounded.
_SILENT_RANGE = 2.0**-14
_FRAMES_AT_ONCE = 2**15


class SignalCheck:
    """Collects what can be told of a recording, block by block in constant memory.

    Parameters
    ----------
    channel : int or "mean"
        What is read of several channels.
    """

    def __init__(self, channel: int | Literal["mean"]) -> None:
        self.channel = channel
        self.frames = self.clipped = self.longest_gap = 0
        self._gap: int | None = None
        self._sum = self._square = self._own_square = 0.0
        self._channels = 1

    def add(self, block: np.ndarray) -> None:
        """Take in a block, float [T x C]."""
        for start in range(0, len(block), _FRAMES_AT_ONCE):
            self._add(block[start : start + _FRAMES_AT_ONCE])

    def _add(self, block: np.ndarray) -> None:
        one = block.mean(axis=1) if self.channel == "mean" else block[:, self.channel]
        self.frames += len(block)
        self._channels = block.shape[1]
        # Most blocks never come near it. Float recordings may go beyond full scale without harm.
        if max(-block.min(), block.max()) >= FULL_SCALE:
            magnitude = np.abs(block)
            self.clipped += int(np.count_nonzero((magnitude >= FULL_SCALE) & (magnitude <= 1)))
        self._sum += float(one.sum(dtype=np.float64))
        self._square += float(np.square(one, dtype=np.float64).sum())
        self._own_square += float(np.square(block, dtype=np.float64).sum())
        self._find_gaps(block)

    def _find_gaps(self, block: np.ndarray) -> None:
        sounding = np.flatnonzero(block.any(axis=1))
        if not len(sounding):
            self._gap = None if self._gap is None else self._gap + len(block)
            return
        # A gap lies between samples: what a recording begins or ends with is none.
        before = -1 if self._gap is None else -1 - self._gap
        gaps = np.diff(sounding, prepend=before if self._gap is not None else sounding[0] - 1) - 1
        self.longest_gap = max(self.longest_gap, int(gaps.max()))
        self._gap = len(block) - 1 - int(sounding[-1])

    @property
    def clipped_share(self) -> float:
        """Share of the samples of all channels that lie at full scale."""
        return self.clipped / max(self.frames * self._channels, 1)

    def findings(self, sample_rate_hz: int) -> dict[str, str]:
        """Return what is wrong: what recordings of this kind are called, in the plural, and how bad it is."""
        found = {}
        frames = max(self.frames, 1)
        offset, power = self._sum / frames, self._square / frames
        own = self._own_square / (frames * self._channels)
        if self.clipped_share > _CLIPPED_SHARE:
            found["clipped recordings"] = f"{100 * self.clipped_share:.1f} % of the samples at full scale"
        if abs(offset) > _OFFSET:
            found["recordings with an offset (DC), as of a defective microphone or converter"] = (
                f"{100 * offset:+.1f} % of full scale"
            )
        gap_seconds = self.longest_gap / sample_rate_hz
        if gap_seconds >= _DROPPED_SECONDS and power > _AUDIBLE**2:
            found["recordings with dropped samples"] = f"{1000 * gap_seconds:.0f} ms of exact zeros within it"
        if self.channel == "mean" and self._channels > 1 and own > _AUDIBLE**2 and power < _OPPOSITE_SHARE * own:
            found["recordings whose channels are wired in opposite phase, so that their mean cancels the sound"] = (
                "set audio.channel in params.yaml to 0"
            )
        return found


def is_silent(wave: np.ndarray) -> bool:
    """Tell whether a wave [T] never changes by more than rounding."""
    return not len(wave) or float(wave.max() - wave.min()) <= _SILENT_RANGE


def refuse_silence(wave: np.ndarray, name: str) -> None:
    """Refuse to judge a recording that holds no sound, as its distance to normal clips says nothing of the machine.

    Raises
    ------
    StridorError
        If the wave is silent.
    """
    if is_silent(wave):
        raise StridorError(
            f"{name} is silent and was not judged; look for a microphone that is muted or not plugged in, or for "
            "channels in opposite phase, whose mean is silence (audio.channel chooses one of them)."
        )
