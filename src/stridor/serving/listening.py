"""Scoring any number of recordings window by window, in memory that does not grow with them."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stridor.audio.windows import Window
from stridor.common.errors import StridorError
from stridor.scoring.embedding import Embedder, require_length
from stridor.scoring.reference import MachineReference
from stridor.serving.options import ScoringOptions
from stridor.serving.verdict import Verdict, WindowScore, any_run_has

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
    references: dict[str, MachineReference],
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
                ear.unscored += 1
                batch.append((ear, window))
                if len(batch) == WINDOWS_AT_A_TIME:
                    _score(batch, embedder, references)
                    batch = []
        except StridorError as error:
            ear.failure = str(error)
        ear.read = True
        while waiting and waiting[0].done:
            yield waiting.popleft().answer(references, options)
    if batch:
        _score(batch, embedder, references)
    for ear in waiting:
        yield ear.answer(references, options)


def all_or_error(answers: Iterable[Verdict | Failure]) -> list[Verdict]:
    """Return verdicts, or raise the first failure as a StridorError."""
    verdicts = []
    for answer in answers:
        if isinstance(answer, Failure):
            raise StridorError(answer.reason)
        verdicts.append(answer)
    return verdicts


@dataclass(eq=False)
class _Ear:
    """What has been heard of a recording so far."""

    recording: Heard
    unscored: int = 0
    read: bool = False
    failure: str | None = None
    starts: list[tuple[float, float]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    highest: float = -np.inf
    worst: NDArray[np.float64] | None = None

    @property
    def done(self) -> bool:
        return self.read and not self.unscored

    def name_of(self, window: Window) -> str:
        name = self.recording.name
        return f"{name} from second {window.start_seconds:g}" if window.start_seconds else name

    def add(self, window: Window, embedding: NDArray[np.float64], score: float) -> None:
        if self.worst is None or score > self.highest:
            self.highest, self.worst = score, embedding
        self.starts.append((window.start_seconds, window.seconds))
        self.scores.append(score)

    def answer(self, references: dict[str, MachineReference], options: ScoringOptions) -> Verdict | Failure:
        name, machine = self.recording.name, self.recording.machine
        if self.failure is not None or self.worst is None:
            return Failure(name, self.failure or f"{name} contains no samples; record it again or remove it.")
        reference = references[machine]
        calibration, condition = reference.calibration, options.condition
        threshold = calibration.threshold_for(options.false_alarm_rate, condition)
        p_values = calibration.p_value(self.scores, condition).tolist()
        judge, clips = calibration.judged_by(self.highest, condition)
        return Verdict(
            recording=name,
            machine=machine,
            score=self.highest,
            threshold=threshold,
            anomalous=any_run_has(np.array(self.scores) > threshold, *options.alarm),
            nearest=reference.bank.neighbours(self.worst[None], 1)[0][0].file_name,
            p_value=p_values[self.scores.index(self.highest)],
            condition=judge,
            clips=clips,
            windows=tuple(
                WindowScore(start, seconds, score, p_value)
                for (start, seconds), score, p_value in zip(self.starts, self.scores, p_values, strict=True)
            ),
        )


def _score(batch: list[tuple[_Ear, Window]], embedder: Embedder, references: dict[str, MachineReference]) -> None:
    names = [ear.name_of(window) for ear, window in batch]
    embeddings = embedder.embed([window.wave for _, window in batch], names)
    for (ear, window), embedding, name in zip(batch, embeddings, names, strict=True):
        ear.unscored -= 1
        if not np.isfinite(embedding).all():
            ear.failure = ear.failure or f"{name} has no finite embedding; look for broken samples in it."
        elif ear.failure is None:
            try:
                score = float(references[ear.recording.machine].bank.score_samples(embedding[None])[0])
                ear.add(window, embedding, score)
            except StridorError as error:
                ear.failure = f"{name} cannot be scored: {error}"
