"""A trained detector: loaded from the model registry or from a folder, it scores recordings."""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from stridor.audio.windows import read_windows, windows_of
from stridor.common.errors import StridorError
from stridor.common.text import printable
from stridor.params.scoring_sections import EmbeddingParams
from stridor.params.sections import AudioParams
from stridor.scoring.embedding import Embedder
from stridor.scoring.reference import MachineReference, Reference
from stridor.scoring.views import load_embedder
from stridor.serving.listening import Failure, Heard, all_or_error, checked_wave, listen
from stridor.serving.options import ScoringOptions
from stridor.serving.verdict import Verdict

# Of a detector that was registered before the length of its clips was kept: what the import cuts.
UNKNOWN_CLIP_SECONDS = 10.0


class Detector:
    """An encoder and what it has learnt of the machines it listens to.

    Most are loaded: `Detector.load("valve").score("new.wav")`.

    Parameters
    ----------
    embedder : Embedder
    references : mapping of str to Reference
        Of each machine: a `MachineReference`, its bank and thresholds, or the thresholds of an autoencoder.
    audio : AudioParams
        How a file becomes one channel.

    Examples
    --------
    The nearest of eight normal recordings, by their mean spectrum:

    >>> import numpy as np
    >>> from stridor import Detector, ReferenceBank
    >>> from stridor.scoring.embedding import LogMelEmbedder
    >>> from stridor.scoring.reference import MachineReference
    >>> from stridor.scoring.threshold import calibrate
    >>> rng = np.random.default_rng(0)
    >>> normal = [0.1 * rng.standard_normal(16000) for _ in range(8)]
    >>> embedder = LogMelEmbedder()
    >>> names = [f"normal_{i}.wav" for i in range(8)]
    >>> bank = ReferenceBank().fit(embedder.embed(normal), ["source"] * 8, names)
    >>> reference = MachineReference(bank, calibrate(bank.leave_one_out_scores()))
    >>> detector = Detector(embedder, {"pump": reference})
    >>> detector.machines
    ('pump',)
    >>> detector.score(normal[3]).nearest
    'normal_3.wav'
    >>> whistle = np.sin(2 * np.pi * 3000 * np.arange(16000) / 16000)
    >>> detector.score(normal[3] + 0.1 * whistle).anomalous
    True
    """

    def __init__(
        self,
        embedder: Embedder,
        references: Mapping[str, Reference],
        audio: AudioParams = AudioParams(),  # noqa: B008, the record is frozen
    ) -> None:
        self.embedder = embedder
        self.references = dict(references)
        self.audio = audio

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines that it has learnt."""
        return tuple(self.references)

    @classmethod
    def load(cls, source: str | Path, device: str = "cpu") -> "Detector":
        """Load a registered detector.

        No code of the model is run: its weights, banks and settings are read.

        Parameters
        ----------
        source : str or Path
            A detector's name stands for its champion in the MLflow store; an address such as
            `models:/stridor-valve/3` for itself. A folder is a model that was downloaded from MLflow, and needs no
            store. The store is the one that MLFLOW_TRACKING_URI names, or that of the project around the working
            directory.
        device : str
            Where the encoder computes, such as "cuda".

        Raises
        ------
        StridorError
            If there is no such detector, it cannot be read, or the store fails.
        """
        from stridor.tracking.model_files import opened_model

        with opened_model(source) as (artifacts, config):
            return cls.from_files(artifacts, {**config, "device": device})

    @classmethod
    def from_files(cls, artifacts: Mapping[str, str | Path], config: Mapping[str, Any]) -> "Detector":
        """Load the files of a detector.

        Parameters
        ----------
        artifacts : mapping of str to path
            `banks`, a folder with a reference per machine, and checkpoint files of the encoders that its views need:
            `encoder`, its own; `frozen`, the one that training started from; `tagger`, the second one. Of an
            autoencoder: `autoencoders`, a folder with one per machine.
        config : mapping
            As from `tracking.registry.model_config`: `machines`, `audio`, `embedding`, `device`, `views` where
            there are several, and `system`.

        Raises
        ------
        StridorError
            If a file cannot be read, or they do not fit together.
        """
        files = {name: Path(path) for name, path in artifacts.items()}
        where = next(iter(files.values())).parent
        try:
            audio, own = AudioParams(**config["audio"]), EmbeddingParams(**config["embedding"])
            joined = [(view["encoder"], EmbeddingParams(**view["embedding"])) for view in config.get("views", ())]
            machines, device, system = config["machines"], config["device"], config.get("system", "")
        except (KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise StridorError(
                f"The settings of the detector in {where} are not readable ({reason}); load it with the version "
                "of stridor that wrote it."
            ) from None
        if "autoencoders" in files:
            from stridor.baselines.served import load_autoencoder

            kind: Any = system.removeprefix("autoencoder_")
            return cls(*load_autoencoder(files["autoencoders"], machines, kind, device), audio)
        embedder = load_embedder(joined or [("fine_tuned", own)], files, device)
        return cls(embedder, {one: MachineReference.load(files["banks"] / one) for one in machines}, audio)

    def score(
        self,
        recording: str | Path | ArrayLike,
        machine: str | None = None,
        options: ScoringOptions = ScoringOptions(),  # noqa: B008, the record is frozen
    ) -> Verdict:
        """Score a recording of any length; a long one is read and scored window by window.

        Parameters
        ----------
        recording : str, Path or float array [T]
            An audio file of any format that libsndfile reads, or a wave at 16 kHz in [-1, 1].
        machine : str, optional
            Needed where the detector listens to several.
        options : ScoringOptions
            Length and hop of the windows, the false-alarm rate, and what counts as an alarm.

        Raises
        ------
        StridorError
            If the recording cannot be read or scored; the message names it.
        """
        if isinstance(recording, str | Path):
            heard = self.heard(recording, machine, printable(recording), options)
        else:
            heard = self.heard(checked_wave(recording), machine, "The recording", options)
        return self.score_heard([heard], options)[0]

    def score_many(
        self,
        recordings: Iterable[str | Path],
        machine: str | None = None,
        options: ScoringOptions = ScoringOptions(),  # noqa: B008, the record is frozen
    ) -> Iterator[Verdict | Failure]:
        """Score files one after the other, in memory that grows with neither their number nor their length.

        Parameters
        ----------
        recordings : iterable of str or Path
        machine, options
            As for `score`.

        Yields
        ------
        Verdict or Failure
            In the order of the files; a file that cannot be scored does not stop the others.

        Raises
        ------
        StridorError
            If the machine is not known, or is needed.
        """
        heard = (self.heard(recording, machine, printable(recording), options) for recording in recordings)
        return listen(heard, self.embedder, self.references, options)

    def heard(
        self,
        recording: str | Path | BinaryIO | np.ndarray,
        machine: str | None,
        name: str,
        options: ScoringOptions = ScoringOptions(),  # noqa: B008, the record is frozen
        longest_seconds: float = math.inf,
    ) -> Heard:
        """Prepare a file, or a wave at 16 kHz, for `score_heard`; a file is opened and read when it is scored."""
        known = self.known_machine(machine, name)
        cuts = self.window_seconds(known, options), options.hop_seconds
        if isinstance(recording, np.ndarray):
            return Heard(name, known, windows_of(recording, *cuts))
        return Heard(name, known, read_windows(recording, *cuts, self.audio.channel, name, longest_seconds))

    def score_heard(
        self,
        heard: Iterable[Heard],
        options: ScoringOptions = ScoringOptions(),  # noqa: B008, the record is frozen
    ) -> list[Verdict]:
        """Score recordings together; a verdict is the same alone and among others (1e-5).

        Raises
        ------
        StridorError
            If one cannot be scored; the message names it.
        """
        return all_or_error(listen(heard, self.embedder, self.references, options))

    def window_seconds(self, machine: str, options: ScoringOptions = ScoringOptions()) -> float:  # noqa: B008
        """Return the length of a window: as asked for, or that of the clips that the machine was learnt from."""
        learnt = self.references[machine].calibration.clip_seconds
        return options.length_seconds or learnt or UNKNOWN_CLIP_SECONDS

    def known_machine(self, machine: str | None, name: str) -> str:
        """Return the machine of the recording `name`, or raise a StridorError if it is not known or is needed."""
        known = ", ".join(self.machines)
        if machine is None:
            if len(self.machines) > 1:
                raise StridorError(f"{name} names no machine, but this detector listens to several; name one: {known}.")
            return self.machines[0]
        if machine not in self.references:
            raise StridorError(
                f"{name} names the machine '{machine}', which this detector has not learnt; it knows {known}."
            )
        return machine
