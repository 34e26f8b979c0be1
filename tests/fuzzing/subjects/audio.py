"""Sound files: read whole, in windows, listened to as an import does, and scored."""

import io
import random
from pathlib import Path

import numpy as np

from fuzzing.mutations import mutated_bytes
from fuzzing.sandbox import Sandbox, Wrong, check_sentence
from fuzzing.subject import Subject
from fuzzing.subjects.containers import mutated_sound
from fuzzing.subjects.recordings import SUFFIXES, USUAL, recordings
from stridor.audio.files import probe, read_clip
from stridor.audio.windows import read_windows
from stridor.common.errors import StridorError
from stridor.ingest.recordings.plain.folder import Recording
from stridor.ingest.recordings.plain.survey import survey
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.embedding import LogMelEmbedder
from stridor.scoring.reference import MachineReference
from stridor.scoring.threshold import calibrate
from stridor.serving.detector import Detector
from stridor.serving.listening import Failure
from stridor.serving.requests import LONGEST_SECONDS

_LARGEST_SAMPLE = 2.0**32


class Audio(Subject):
    """A mutated recording."""

    # Ten minutes at 16 kHz are 40 MB, and the resampler holds a few copies.
    megabytes = 700.0

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.files = recordings()
        self.all = [one for files in self.files.values() for one in files]
        rng = np.random.default_rng(0)
        normals = [0.1 * rng.standard_normal(16000).astype(np.float32) for _ in range(6)]
        embedder = LogMelEmbedder()
        bank = ReferenceBank().fit(embedder.embed(normals), ["source"] * 6, [f"{i}.wav" for i in range(6)])
        self.detector = Detector(
            embedder, {"pump": MachineReference(bank, calibrate(bank.leave_one_out_scores(), clip_seconds=10.0))}
        )
        # The first resampling imports torch's, the first score starts its threads.
        read_clip(io.BytesIO(self.files["WAVEX"][1]))
        list(self.detector.score_many([]))

    def write(self, rng: random.Random, folder: Path) -> None:
        """Write one recording."""
        kind = rng.choice(USUAL) if rng.random() < 0.9 else rng.choice(list(self.files))
        content = rng.choice(self.files.get(kind) or self.all)
        way = rng.random()
        if way < 0.55:
            content = mutated_sound(content, rng)
        if way >= 0.45:
            content = mutated_bytes(content, rng, self.all)
        (folder / f"odd{rng.choice(SUFFIXES)}").write_bytes(content)

    def names(self, folder: Path) -> tuple[str, ...]:
        """Return the file's name; a binary file is called by what it is."""
        return ("odd.", "the upload")

    def check(self, rng: random.Random, folder: Path) -> None:
        """Read it in every way; what is accepted has to be sound."""
        [path] = folder.iterdir()
        channel = rng.choice(("mean", "mean", 0, 1))
        refused: StridorError | None = None
        for way in (_probed, _clip, _stream, _windows, _heard):
            try:
                way(path, channel)
            except StridorError as error:
                check_sentence(str(error), self.names(folder))
                refused = error
        for answer in self.detector.score_many([path]):
            if isinstance(answer, Failure):
                check_sentence(answer.reason, self.names(folder))
            elif not np.isfinite(answer.score):
                raise Wrong(f"the score is {answer.score}")
        if refused is not None:
            raise refused


def _probed(path: Path, channel: int | str) -> None:
    info = probe(path)
    if not (info.frames > 0 and info.sample_rate_hz > 0 and info.channels > 0):
        raise Wrong(f"the header is accepted as {info}")


def _clip(path: Path, channel: int | str) -> None:
    _check_wave(read_clip(path, channel, longest_seconds=LONGEST_SECONDS))


def _stream(path: Path, channel: int | str) -> None:
    with path.open("rb") as file:
        _check_wave(read_clip(file, channel, "the upload", longest_seconds=LONGEST_SECONDS))


def _windows(path: Path, channel: int | str) -> None:
    for window in read_windows(path, 10.0, channel=channel):
        _check_wave(window.wave)


def _heard(path: Path, channel: int | str) -> None:
    heard = survey(Recording(path, "normal", "source", path.name), 10.0, channel)
    if not (heard.pieces and np.isfinite(heard.peak) and heard.seconds > 0):
        raise Wrong(f"what was heard is {heard}")


def _check_wave(wave: np.ndarray) -> None:
    if wave.dtype != np.float32 or wave.ndim != 1 or not len(wave):
        raise Wrong(f"a wave is {wave.dtype} {wave.shape}")
    if not np.abs(wave).max() <= _LARGEST_SAMPLE:
        raise Wrong("a wave holds samples that are not finite, or far too large")
