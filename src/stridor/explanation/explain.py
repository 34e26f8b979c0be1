"""Why a detector finds a recording odd: its oddest window, the strongest places in it, and what to compare it with."""

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from stridor.audio.fbank import Fbank
from stridor.audio.windows import Window, read_windows
from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.common.project import project_root
from stridor.common.text import printable
from stridor.explanation.machine import KnownMachine
from stridor.explanation.normals import bank_of, find_normals, log_mel_db
from stridor.explanation.oddness import Place
from stridor.explanation.separation import Decoder, Separated
from stridor.serving.detector import Detector
from stridor.serving.options import ScoringOptions
from stridor.serving.verdict import Verdict
from stridor.tracking.model_files import opened_model


@dataclass(frozen=True, eq=False)
class Sound:
    """A wave at 16 kHz `[T]`, and its log-mel image in decibels `[frames x 128]`."""

    name: str
    wave: np.ndarray
    image: np.ndarray


@dataclass(frozen=True, eq=False)
class Explanation:
    """What there is to see and to hear of a recording.

    Attributes
    ----------
    verdict : Verdict
    window : Window
        The oddest, which all below is about.
    sound : Sound
        Of this window.
    nearest : Sound or None
        The normal clip that is nearest to it; None where its file is not there.
    expected : float32 [frames x 128]
        What the nearest normal clips would sound like in its place, log-mel in decibels.
    strength : float [frames x 128]
        How unusual every moment and frequency is; below 0 where something is missing. 1 is the strongest place of a
        typical normal clip.
    places : list of Place
        The strongest, within the window.
    separated : Separated or None
    not_separated : str
        Why not; or what to know of the separation.
    """

    verdict: Verdict
    window: Window
    sound: Sound
    nearest: Sound | None
    expected: np.ndarray
    strength: np.ndarray
    places: list[Place]
    separated: Separated | None
    not_separated: str


class Explainer:
    """Explains recordings by a detector and the normal recordings that it learnt from.

    Parameters
    ----------
    detector : Detector
    decoder : Decoder or str
        Or the sentence that says why there is none.
    normals : Path, optional
        Folder of the normal recordings; by default `data/` of the project.
    """

    def __init__(self, detector: Detector, decoder: Decoder | str, normals: Path | None = None) -> None:
        self.detector, self.decoder, self.folder = detector, decoder, normals
        self._fbank = Fbank()
        self._machines: dict[str, KnownMachine] = {}

    @classmethod
    def load(cls, source: str | Path, normals: Path | None = None) -> "Explainer":
        """Load a registered detector, and the decoder that was trained with it if this is in the project here.

        Parameters
        ----------
        source : str or Path
            As for `Detector.load`.
        normals : Path, optional

        Raises
        ------
        StridorError
            As from `Detector.load`.
        """
        with opened_model(source) as (artifacts, config):
            detector = Detector.from_files(artifacts, config)
            encoder_md5 = file_md5(Path(artifacts["encoder"])) if "encoder" in artifacts else None
        decoder: Decoder | str
        try:
            decoder = Decoder.find(project_root() or Path(), encoder_md5)
        except StridorError as error:
            decoder = str(error)
        return cls(detector, decoder, normals)

    def explain(
        self,
        recording: str | Path | bytes,
        machine: str | None = None,
        options: ScoringOptions = ScoringOptions(),  # noqa: B008, the record is frozen
        name: str | None = None,
        longest_seconds: float = math.inf,
    ) -> Explanation:
        """Explain a recording of any length.

        Parameters
        ----------
        recording : str, Path or bytes
            An audio file, or what is in it.
        machine, options
            As for `Detector.score`.
        name : str, optional
            For messages; the path if not given.
        longest_seconds : float
            A longer one is refused.

        Raises
        ------
        StridorError
            If the recording cannot be scored, or the normal recordings are not there.
        """
        name = name or ("The recording" if isinstance(recording, bytes) else printable(recording))
        known = self.learn(self.detector.known_machine(machine, name))
        heard = self.detector.heard(_source(recording), known.name, name, options, longest_seconds)
        verdict = self.detector.score_heard([heard], options)[0]
        length = self.detector.window_seconds(known.name, options)
        window = _window_at(
            verdict.oddest_start,
            read_windows(_source(recording), length, options.hop_seconds, self.detector.audio.channel, name),
            name,
        )
        image = log_mel_db(window.wave, self._fbank)
        found = known.difference(image)
        oddness = known.oddness(len(image))
        strength = oddness.strength(found)
        separated, why_not = self._separated(window.wave, known.name)
        return Explanation(
            verdict=verdict,
            window=window,
            sound=Sound(name, window.wave, image),
            nearest=self._nearest(known, verdict.nearest),
            expected=image - found,
            strength=strength,
            places=oddness.places(strength, found),
            separated=separated,
            not_separated=why_not,
        )

    def learn(self, machine: str) -> KnownMachine:
        """Read the normal recordings of a machine, or remember them.

        Raises
        ------
        StridorError
            If they are not there.
        """
        if machine not in self._machines:
            paths = find_normals(bank_of(self.detector, machine), machine, self.folder)
            self._machines[machine] = KnownMachine(self.detector, machine, paths)
        return self._machines[machine]

    def _nearest(self, known: KnownMachine, name: str) -> Sound | None:
        if name not in known.paths:
            return None
        wave = known.paths[name].read(self.detector.audio.channel, self.detector.window_seconds(known.name))
        return Sound(name, wave, log_mel_db(wave, self._fbank))

    def _separated(self, wave: np.ndarray, machine: str) -> tuple[Separated | None, str]:
        if isinstance(self.decoder, str):
            return None, self.decoder
        doubt = ""
        if machine not in self.decoder.machines:
            others = ", ".join(sorted(self.decoder.machines)) or "other machines"
            doubt = f"The decoder was trained on {others}, not on {machine}: do not rely on what it separates."
        elif not self.decoder.learnt:
            doubt = (
                "On held-out mixtures this decoder was no nearer to the machine than its mean spectrum is: do not rely "
                "on what it separates."
            )
        return self.decoder.separate(wave), doubt


def _source(recording: str | Path | bytes) -> Path | BinaryIO:
    return io.BytesIO(recording) if isinstance(recording, bytes) else Path(recording)


def _window_at(second: float, windows: Iterable[Window], name: str) -> Window:
    """Return the window that begins at a second; the file is read for the second time."""
    for window in windows:
        if window.start_seconds == second:
            return window
    raise StridorError(f"{name} has become shorter while it was read; explain it again when it is complete.")
