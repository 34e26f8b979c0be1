"""Scoring any number of recordings window by window, in memory that does not grow with them."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from stridor.audio.quality import refuse_silence
from stridor.audio.windows import Window
from stridor.common.errors import StridorError
from stridor.scoring.embedding import Embedder, require_length
from stridor.scoring.reference import Judgement, Reference
from stridor.serving.options import ScoringOptions
from stridor.serving.verdict import Verdict, WindowScore, any_run_has, oddness_of
from stridor.serving.worst_second import worst_second

# Windows that are embedded together. More are not faster on a CPU, and take more memory.
WINDOWS_AT_A_TIME = 8


@dataclass(frozen=True)
class Heard:
    """A recording to be scored: its name for messages, its machine, and its windows, read as they are asked for."""

    name: str
    machine: str
    windows: Iterable[Window]


@dataclass(frozen=True)
class Failure:
    """A recording that could not be scored, and the sentence that says why."""

    recording: str
    reason: str


def listen(
    recordings: Iterable[Heard],
    embedder: Embedder,
    references: dict[str, Reference],
    options: ScoringOptions,
) -> Iterator[Verdict | Failure]:
    """Score recordings, with windows of several in a batch; yield what is said of each, in order.

    A score is the same alone and among others (1e-5), and a recording that cannot be scored does not concern the rest.
    """
    waiting: deque[_Ear] = deque()
    batch: list[tuple[_Ear, Window]] = []
    for recording in recordings:
        ear = _Ear(recording)
        waiting.append(ear)
        try:
            for window in recording.windows:
                require_length(window.wave, ear.name_of(window))
                try:
                    refuse_silence(window.wave, recording.name)
                except StridorError as silence:
                    # The machine may be off for a while.
                    ear.silence = str(silence)
                    continue
                ear.unscored += 1
                batch.append((ear, window))
                if len(batch) == WINDOWS_AT_A_TIME:
                    _score(batch, embedder, references, options)
                    batch = []
        except StridorError as error:
            ear.failure = str(error)
        ear.read = True
        while waiting and waiting[0].done:
            yield waiting.popleft().answer(embedder, references, options)
    if batch:
        _score(batch, embedder, references, options)
    for ear in waiting:
        yield ear.answer(embedder, references, options)


def all_or_error(answers: Iterable[Verdict | Failure]) -> list[Verdict]:
    """Return verdicts, or raise the first failure as a StridorError."""
    verdicts = []
    for answer in answers:
        if isinstance(answer, Failure):
            raise StridorError(answer.reason)
        verdicts.append(answer)
    return verdicts


def checked_wave(wave: ArrayLike) -> np.ndarray:
    """Return a wave of a user as an array, or raise a StridorError if it is not one channel of finite samples."""
    wave = np.asarray(wave)
    if wave.ndim != 1 or not np.issubdtype(wave.dtype, np.floating):
        raise StridorError(
            f"The recording is an array of {wave.dtype} {list(wave.shape)}; give floats [T] in [-1, 1], one channel at "
            "16 kHz."
        )
    if not np.isfinite(wave).all():
        raise StridorError("The recording holds samples that are not finite; look for broken samples in it.")
    return wave


@dataclass(eq=False)
class _Ear:
    """What has been heard of a recording so far."""

    recording: Heard
    unscored: int = 0
    read: bool = False
    failure: str | None = None
    silence: str = ""
    windows: list[WindowScore] = field(default_factory=list)
    oddest: WindowScore | None = None
    wave: np.ndarray | None = None  # of the oddest window
    # Nearest clip, condition and number of clips of the oddest window.
    found: tuple[str, str, int] = ("", "all", 0)

    @property
    def done(self) -> bool:
        return self.read and not self.unscored

    def name_of(self, window: Window) -> str:
        name = self.recording.name
        return f"{name} from second {window.start_seconds:g}" if window.start_seconds else name

    def add(self, window: Window, judged: Judgement) -> None:
        scored = WindowScore(
            window.start_seconds, window.seconds, float(judged.scores[0]), float(judged.thresholds[0]),
            float(judged.p_values[0]), judged.conditions[0], judged.clips[0],
        )  # fmt: skip
        if self.oddest is None or oddness_of(scored) < oddness_of(self.oddest):
            self.oddest, self.wave = scored, window.wave
            self.found = (judged.nearest[0], judged.conditions[0], judged.clips[0])
        self.windows.append(scored)

    def answer(
        self, embedder: Embedder, references: dict[str, Reference], options: ScoringOptions
    ) -> Verdict | Failure:
        name = self.recording.name
        if self.failure is not None or self.oddest is None or self.wave is None:
            return Failure(name, self.failure or self.silence)
        nearest, condition, clips = self.found
        anomalous = any_run_has([one.flagged for one in self.windows], *options.alarm)
        worst = self.oddest.start_seconds
        if anomalous:
            worst += worst_second(self.wave, embedder, references[self.recording.machine], options.condition)
        return Verdict(
            recording=name,
            machine=self.recording.machine,
            score=self.oddest.score,
            threshold=self.oddest.threshold,
            anomalous=anomalous,
            nearest=nearest,
            p_value=self.oddest.p_value,
            condition=condition,
            clips=clips,
            windows=tuple(self.windows),
            worst_second=worst,
        )


def _score(
    batch: list[tuple[_Ear, Window]],
    embedder: Embedder,
    references: dict[str, Reference],
    options: ScoringOptions,
) -> None:
    names = [ear.name_of(window) for ear, window in batch]
    embeddings = embedder.embed([window.wave for _, window in batch], names)
    for (ear, window), embedding, name in zip(batch, embeddings, names, strict=True):
        ear.unscored -= 1
        if not np.isfinite(embedding).all():
            ear.failure = ear.failure or f"{name} has no finite embedding; look for broken samples in it."
        elif ear.failure is None:
            reference = references[ear.recording.machine]
            ear.add(window, reference.judge(embedding[None], options.false_alarm_rate, options.condition))
