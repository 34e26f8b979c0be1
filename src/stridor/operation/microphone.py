"""Recording from a sound device: clips back to back, as files in a folder."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError

# Longer pauses than that are no matter of a busy machine.
SILENT_SECONDS = 10.0
PREFIX = "microphone_"
# Gets samples, int16 [frames x channels], and whether some before them were lost; called from a thread of the device.
Take = Callable[[NDArray[np.int16], bool], None]


@dataclass(frozen=True)
class Device:
    """A sound device that can be recorded from.

    Attributes
    ----------
    name : str
    rate_hz : int
    channels : int
    open : callable
        Given a `Take`, returns a context in which the device calls it.
    """

    name: str
    rate_hz: int
    channels: int
    open: Callable[[Take], AbstractContextManager[Any]]


def sound_device(name: str | None = None, channels: int = 1) -> Device:
    """Find a sound device by PortAudio.

    Parameters
    ----------
    name : str, optional
        Its number, or a part of its name; by default the one that the system is set to.
    channels : int
        How many are needed.

    Raises
    ------
    StridorError
        If PortAudio is not installed, there is no such device, or it has fewer channels.
    """
    try:
        import sounddevice
    except OSError:
        raise StridorError(
            "The library PortAudio is missing, which sounddevice records with; install it, on Debian and Ubuntu by: "
            "apt install libportaudio2"
        ) from None
    wanted = int(name) if name is not None and name.isdecimal() else name
    try:
        found = sounddevice.query_devices(wanted, "input")
    except (sounddevice.PortAudioError, ValueError):
        known = "; ".join(f"{one['index']}: {one['name']}" for one in sounddevice.query_devices()
                          if one["max_input_channels"])  # fmt: skip
        which = "There is no microphone" if name is None else f"There is no sound device '{name}' to record from"
        raise StridorError(f"{which}; {f'there are {known}' if known else 'no device here records sound'}.") from None
    if found["max_input_channels"] < channels:
        raise StridorError(
            f"The sound device '{found['name']}' has {found['max_input_channels']} channels, but the detector takes "
            f"channel {channels - 1} (audio.channel); connect the device that it learnt from."
        )
    rate_hz = round(found["default_samplerate"])

    @contextmanager
    def opened(take: Take) -> Iterator[None]:
        def callback(block: NDArray[np.int16], frames: int, times: object, status: Any) -> None:
            take(block.copy(), bool(status.input_overflow))

        try:
            with sounddevice.InputStream(rate_hz, device=found["index"], channels=channels, dtype="int16",
                                         callback=callback):  # fmt: skip
                yield
        except sounddevice.PortAudioError as error:
            raise StridorError(
                f"The sound device '{found['name']}' cannot be recorded from ({error}); end what uses it, or name "
                "another."
            ) from None

    return Device(found["name"], rate_hz, channels, opened)


class Recorder:
    """Writes what a device delivers into a folder, as clips of one length without gaps between them.

    A clip becomes a WAV file, PCM_16, at the rate of the device; it appears whole, and is called after the second at
    which it begins. Where the device has lost samples, the clip they belong to is left out: a gap within it would sound
    like a fault.

    Parameters
    ----------
    device : Device
    clip_seconds : float
    folder : Path
    say : callable
        Called with a line for every clip that is left out.
    clock : callable
        Returns the time, UTC.
    """

    def __init__(
        self, device: Device, clip_seconds: float, folder: Path, say: Callable[[str], None] = lambda line: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        self._device, self._folder, self._say, self._clock = device, folder, say, clock
        self._frames = round(clip_seconds * device.rate_hz)
        self._blocks: queue.SimpleQueue[tuple[datetime, NDArray[np.int16], bool] | None] = queue.SimpleQueue()
        self._last_block_s = time.monotonic()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="writing clips", daemon=True)
        self._stream: AbstractContextManager[Any] | None = None

    def __enter__(self) -> "Recorder":
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob(f".{PREFIX}*.unfinished-*.wav"):
            left.unlink(missing_ok=True)
        self._thread.start()
        stream = self._device.open(self._take)
        stream.__enter__()
        self._stream, self._last_block_s = stream, time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.__exit__(kind, error, trace)
        self._blocks.put(None)
        self._thread.join(timeout=SILENT_SECONDS)

    def check(self) -> None:
        """Raise an error if nothing is recorded any more.

        Raises
        ------
        StridorError
            If the device has delivered nothing for 10 s.
        OSError
            If a clip could not be written.
        """
        if self._failure is not None:
            raise self._failure
        if time.monotonic() - self._last_block_s > SILENT_SECONDS:
            raise StridorError(
                f"The sound device '{self._device.name}' has delivered nothing for {SILENT_SECONDS:g} s; look whether "
                "it is connected, and start again."
            )

    def _take(self, block: NDArray[np.int16], lost: bool) -> None:
        self._last_block_s = time.monotonic()
        self._blocks.put((self._clock() - timedelta(seconds=len(block) / self._device.rate_hz), block, lost))

    def _run(self) -> None:
        try:
            self._write_clips()
        except Exception as error:
            self._failure = error

    def _write_clips(self) -> None:
        parts: list[NDArray[np.int16]] = []
        held, began = 0, self._clock()
        while (taken := self._blocks.get()) is not None:
            at, block, lost = taken
            if lost and parts:
                self._say("the sound device has lost samples; the clip that they belong to is left out")
                parts, held = [], 0
            while len(block):
                began = began if parts else at
                some = block[: self._frames - held]
                parts.append(some)
                held += len(some)
                block, at = block[len(some) :], at + timedelta(seconds=len(some) / self._device.rate_hz)
                if held == self._frames:
                    self._write(np.concatenate(parts), began)
                    parts, held = [], 0

    def _write(self, clip: NDArray[np.int16], began: datetime) -> None:
        stem = f"{PREFIX}{began:%Y-%m-%dT%H-%M-%S}.{began.microsecond // 1000:03d}Z"
        path, again = self._folder / f"{stem}.wav", 1
        # The clock may have been set back.
        while path.exists():
            again += 1
            path = self._folder / f"{stem}_{again}.wav"
        with atomic_file(path) as temporary:
            sf.write(temporary, clip, self._device.rate_hz, format="WAV", subtype="PCM_16")
