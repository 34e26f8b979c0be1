"""A trained detector: loaded from the model registry or from a folder, it scores recordings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stridor.audio.files import SAMPLE_RATE_HZ, read_clip
from stridor.audio.quality import refuse_silence
from stridor.common.errors import StridorError
from stridor.common.text import printable
from stridor.params.scoring_sections import EmbeddingParams
from stridor.params.sections import AudioParams
from stridor.scoring.embedding import Embedder
from stridor.scoring.reference import MachineReference
from stridor.scoring.views import load_embedder
from stridor.serving.verdict import Verdict

# Attention takes memory with the square of a recording's length: 2 GB for this one, in the largest encoder.
LONGEST_SECONDS = 120.0
LONG_SECONDS = 20.0


class Detector:
    """An encoder and what it has learnt of the machines it listens to.

    Most are loaded: `Detector.load("valve").score("new.wav")`.

    Parameters
    ----------
    embedder : Embedder
    references : mapping of str to MachineReference
        Reference bank and threshold of each machine.
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
        references: Mapping[str, MachineReference],
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
        from stridor.tracking.model_files import download_model, is_folder, read_model

        with TemporaryDirectory(prefix="stridor-") as folder:
            model = Path(source) if is_folder(source) else download_model(str(source), Path(folder))
            artifacts, config = read_model(model)
            return cls.from_files(artifacts, {**config, "device": device})

    @classmethod
    def from_files(cls, artifacts: Mapping[str, str | Path], config: Mapping[str, Any]) -> "Detector":
        """Load the files of a detector.

        Parameters
        ----------
        artifacts : mapping of str to path
            `encoder`, a checkpoint file; `banks`, a folder with a reference per machine; `frozen`, the checkpoint of
            the encoder that training started from, where it is one of the views.
        config : mapping
            As from `tracking.registry.model_config`: `machines`, `audio`, `embedding`, `device`, and `views` where
            there are several.

        Raises
        ------
        StridorError
            If a file cannot be read, or they do not fit together.
        """
        encoder, banks = Path(artifacts["encoder"]), Path(artifacts["banks"])
        frozen = Path(artifacts["frozen"]) if "frozen" in artifacts else None
        try:
            audio, own = AudioParams(**config["audio"]), EmbeddingParams(**config["embedding"])
            joined = [(view["encoder"], EmbeddingParams(**view["embedding"])) for view in config.get("views", ())]
            machines, device = config["machines"], config["device"]
        except (KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise StridorError(
                f"The settings of the detector {encoder.parent} are not readable ({reason}); load it with the version "
                "of stridor that wrote it."
            ) from None
        embedder = load_embedder(joined or [("fine_tuned", own)], encoder, frozen, device)
        return cls(embedder, {machine: MachineReference.load(banks / machine) for machine in machines}, audio)

    def score(self, recording: str | Path | ArrayLike, machine: str | None = None) -> Verdict:
        """Score a recording.

        Parameters
        ----------
        recording : str, Path or float array [T]
            An audio file of any format that libsndfile reads, or a wave at 16 kHz in [-1, 1].
        machine : str, optional
            Needed where the detector listens to several.

        Raises
        ------
        StridorError
            If the recording cannot be read or scored; the message names it.
        """
        if isinstance(recording, str | Path):
            name = printable(recording)
            wave = read_clip(recording, self.audio.channel, longest_seconds=LONGEST_SECONDS)
        else:
            name = "The recording"
            wave = _checked_wave(recording)
        return self.score_waves([wave], [machine], [name])[0]

    def score_waves(
        self, waves: Sequence[np.ndarray], machines: Sequence[str | None], names: Sequence[str]
    ) -> list[Verdict]:
        """Score waves together; the verdict on a wave is the same alone and among others (1e-5).

        Parameters
        ----------
        waves : sequence of N float arrays [T_i], 16 kHz, in [-1, 1]
        machines : sequence of N str or None
            None where the detector listens to one machine only.
        names : sequence of N str
            For messages.

        Returns
        -------
        list of N Verdict

        Raises
        ------
        StridorError
            If one cannot be scored; the message names it.
        """
        known = [self._known_machine(machine, name) for machine, name in zip(machines, names, strict=True)]
        for wave, name in zip(waves, names, strict=True):
            refuse_silence(wave, name)
            if len(wave) > LONGEST_SECONDS * SAMPLE_RATE_HZ:
                raise StridorError(
                    f"{name} lasts {len(wave) / SAMPLE_RATE_HZ:.0f} s, and at most {LONGEST_SECONDS:g} s are taken; "
                    "cut it into shorter recordings."
                )
        embeddings = self._embeddings(waves, names)
        for embedding, name in zip(embeddings, names, strict=True):
            if not np.isfinite(embedding).all():
                raise StridorError(f"{name} has no finite embedding; look for broken samples in it.")
        return [self._verdict(*one) for one in zip(embeddings, known, names, strict=True)]

    def _embeddings(self, waves: Sequence[np.ndarray], names: Sequence[str]) -> list[np.ndarray]:
        """Embed long recordings alone, because a batch of them would take its multiple of memory."""
        long = [number for number, wave in enumerate(waves) if len(wave) > LONG_SECONDS * SAMPLE_RATE_HZ]
        short = [number for number in range(len(waves)) if number not in long]
        found: dict[int, np.ndarray] = {}
        for group in (short, *([number] for number in long)):
            embedded = self.embedder.embed([waves[number] for number in group], [names[number] for number in group])
            found |= zip(group, embedded, strict=True)
        return [found[number] for number in range(len(waves))]

    def _known_machine(self, machine: str | None, name: str) -> str:
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

    def _verdict(self, embedding: np.ndarray, machine: str, name: str) -> Verdict:
        reference = self.references[machine]
        query = embedding[None]
        score = float(reference.bank.score_samples(query)[0])
        nearest = reference.bank.neighbours(query, 1)[0][0].file_name
        decision = bool(reference.calibration.decide([score])[0])
        return Verdict(name, machine, score, reference.calibration.threshold, decision, nearest)


def _checked_wave(wave: ArrayLike) -> np.ndarray:
    wave = np.asarray(wave)
    if wave.ndim != 1 or not np.issubdtype(wave.dtype, np.floating):
        raise StridorError(
            f"The recording is an array of {wave.dtype} {list(wave.shape)}; give floats [T] in [-1, 1], one channel at "
            "16 kHz."
        )
    if not np.isfinite(wave).all():
        raise StridorError("The recording holds samples that are not finite; look for broken samples in it.")
    return wave
