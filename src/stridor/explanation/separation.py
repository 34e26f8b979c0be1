"""Machine and remainder of a clip: the decoder's estimate as a mask on the clip's own spectrogram."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stridor.audio.fbank import FFT_SAMPLES, FRAME_SAMPLES, HOP_SAMPLES, NORMAL_SCALE, frame_counts, mel_filters
from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.common.tensor_file import read_tensor_file
from stridor.models.checkpoint import load_encoder
from stridor.models.encoder import Encoder
from stridor.models.separator import Separator
from stridor.models.weights import check_weights
from stridor.params.sections import DecoderParams


@dataclass(frozen=True, eq=False)
class Separated:
    """The two parts of a wave, float32 [T] each; their sum is the wave."""

    machine: np.ndarray
    remainder: np.ndarray


class Decoder:
    """The separation decoder of a trained detector, with the encoder that it was trained with.

    Attributes
    ----------
    machines : frozenset of str
        That it was trained on.
    learnt : bool
        Whether it separated held-out mixtures better than the machine's mean spectrum does.
    """

    def __init__(self, encoder: Encoder, separator: Separator, machines: frozenset[str], learnt: bool = True) -> None:
        self.encoder, self.separator = encoder.eval(), separator.eval()
        self.machines, self.learnt = machines, learnt

    @classmethod
    def find(cls, project: Path, encoder_md5: str | None) -> "Decoder":
        """Find the decoder that was trained with an encoder in a project's `artifacts/`.

        Parameters
        ----------
        project : Path
        encoder_md5 : str or None
            Of the encoder's file, if the detector has one.

        Raises
        ------
        StridorError
            If there is none, it was not trained, or it cannot be read.
        """
        if encoder_md5 is None:
            raise StridorError("This detector has no encoder, and a decoder is trained together with one.")
        for encoder in sorted(project.glob("artifacts/*/encoder/encoder.pt")):
            if file_md5(encoder) == encoder_md5:
                detector = encoder.parents[1].name
                heard = load_encoder(encoder)
                if not heard.trainable:
                    raise StridorError(
                        f"The encoder of the family '{heard.family}' is used as it is, so that no decoder was trained "
                        "with it; there is nothing to separate the machine by."
                    )
                separator = load_separator(encoder.with_name("separator.pt"), project, detector)
                machines = frozenset(bank.name for bank in encoder.parents[1].glob("bank/*/*"))
                return cls(heard, separator, machines, _has_learnt(project / "results" / detector))
        raise StridorError(
            "A registered detector has no decoder, and artifacts/ of the project does not hold the training that "
            "this one comes from; run the command in the project where it was trained."
        )

    @torch.inference_mode()
    def separate(self, wave: np.ndarray) -> Separated:
        """Separate a wave.

        Of every moment and frequency the machine gets the share that its estimated power has in the sum of both
        estimates, as a Wiener filter does.

        Parameters
        ----------
        wave : float array [T], 16 kHz
            At least 16 frames.
        """
        signal = torch.from_numpy(np.asarray(wave, dtype=np.float32))[None]
        mixture = self.encoder.log_mel(signal)
        estimate = self.separator(self.encoder.encode(mixture, frame_counts(torch.tensor([signal.shape[1]]))), mixture)
        machine = apply_mask(signal[0], torch.sigmoid(NORMAL_SCALE * (estimate[0, 0] - estimate[0, 1])))
        return Separated(machine.numpy(), (signal[0] - machine).numpy())


def apply_mask(wave: Tensor, mask: Tensor) -> Tensor:
    """Weigh a wave's spectrogram.

    Parameters
    ----------
    wave : Tensor[T], 16 kHz
    mask : Tensor[frames x 128]
        Share in [0, 1] of every cell of the log-mel image; its last frame counts up to the end of the wave.
    """
    filters = mel_filters()
    # Of a bin of the FFT: the mean over the mel bands that contain it. Those outside all bands are 0 and 8 kHz.
    total = filters.sum(dim=1, keepdim=True)
    shares = mask @ (filters / total.clamp_min(1e-3)).T
    outside = total[:, 0] < 1e-3
    shares[:, outside] = shares[:, ~outside].mean(dim=1, keepdim=True)
    window = torch.hann_window(FFT_SAMPLES)
    spectrum = torch.stft(wave, FFT_SAMPLES, HOP_SAMPLES, window=window, return_complex=True)
    # A frame of the image is centred half a frame after its first sample; one of the transform, on it.
    frames = (torch.arange(spectrum.shape[1]) - FRAME_SAMPLES / 2 / HOP_SAMPLES).round().long()
    shares = shares[frames.clamp(0, len(shares) - 1)]
    return torch.istft(spectrum * shares.T, FFT_SAMPLES, HOP_SAMPLES, window=window, length=len(wave))


def load_separator(path: Path, project: Path, detector: str) -> Separator:
    """Read a decoder that the training of a detector wrote.

    Raises
    ------
    StridorError
        If the file cannot be read, or `dvc.lock` does not say what was trained.
    """
    weights = read_tensor_file(path, "the decoder's weights", "train the detector again", "train the detector again")
    params = trained_decoder(project, detector)
    width = weights.get("narrow.weight") if isinstance(weights, dict) else None
    if not isinstance(weights, dict) or not isinstance(width, Tensor) or width.dim() != 2:
        raise StridorError(f"{path} does not hold a decoder; train the detector '{detector}' again.")
    separator = Separator(width.shape[1], params)
    check_weights(weights, separator.state_dict(), path)
    separator.load_state_dict(weights)
    return separator


def trained_decoder(project: Path, detector: str) -> DecoderParams:
    """Return the parameters that a detector's decoder was trained with, from `dvc.lock`.

    `params.yaml` may have been edited since.

    Raises
    ------
    StridorError
        If they are not there.
    """
    lines = _lines_of(project / "dvc.lock", f"train@{detector}")
    start = next((number for number, line in enumerate(lines) if line.strip() == "decoder:"), None)
    if start is None:
        raise StridorError(
            f"dvc.lock does not say how the decoder of '{detector}' was trained; run 'dvc repro index@{detector}'."
        )
    values = {}
    for line in lines[start + 1 :]:
        if len(line) - len(line.lstrip()) <= len(lines[start]) - len(lines[start].lstrip()):
            break
        name, _, value = line.strip().partition(": ")
        values[name] = value
    return DecoderParams.model_validate(values, strict=False)


def _lines_of(lock: Path, stage: str) -> Sequence[str]:
    """Return the lines of a stage. A YAML parser in Python takes seconds for all of them."""
    try:
        lines = lock.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ()
    start = next((number for number, line in enumerate(lines) if line == f"  {stage}:"), len(lines)) + 1
    end = next((number for number in range(start, len(lines)) if not lines[number].startswith("   ")), len(lines))
    return lines[start:end]


def _has_learnt(results: Path) -> bool:
    try:
        held_out = json.loads((results / "separation.json").read_text(encoding="utf-8"))
        return all(one["learnt"] for one in held_out.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Without held-out mixtures nobody has looked.
        return True
