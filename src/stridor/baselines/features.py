"""The organisers' features: log-mel frames in decibels, each five of them stacked into one vector."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from stridor.audio.batches import pad, similar_length_batches
from stridor.audio.files import SAMPLE_RATE_HZ, read_clip
from stridor.common.errors import StridorError
from stridor.data.manifest import Clip
from stridor.params.sections import AudioParams

FFT_SAMPLES = 1024
HOP_SAMPLES = 512
MEL_BANDS = 128
STACKED_FRAMES = 5
STACK_VALUES = STACKED_FRAMES * MEL_BANDS
# The float64 epsilon, as in the organisers' code: digital silence is at -156.5 dB.
LOWEST_POWER = float(np.finfo(np.float64).eps)
MIN_SAMPLES = (STACKED_FRAMES - 1) * HOP_SAMPLES
BATCH_CLIPS = 16


def frame_count(samples: int) -> int:
    """Return the number of frames of a clip; they are centred on every 512th sample, with zeros beyond the ends."""
    return 1 + samples // HOP_SAMPLES


class LogMel(nn.Module):
    """Log-mel spectrum in decibels, as `librosa.feature.melspectrogram` and 10·log10 give it.

    64 ms Hann window, 32 ms shift, power spectrum, 128 bands of Slaney's mel scale and area from 0 to 8 kHz.
    Unlike in BEATs' filter bank, there is neither normalisation nor pre-emphasis.
    """

    def __init__(self) -> None:
        super().__init__()
        from stridor.audio._torchaudio import torchaudio

        self.mel = torchaudio.transforms.MelSpectrogram(
            SAMPLE_RATE_HZ, n_fft=FFT_SAMPLES, hop_length=HOP_SAMPLES, n_mels=MEL_BANDS, power=2.0,
            center=True, pad_mode="constant", norm="slaney", mel_scale="slaney",
        )  # fmt: skip

    def forward(self, wave: Tensor) -> Tensor:
        """Turn waves into log-mel frames.

        Parameters
        ----------
        wave : Tensor[B x T]
            16 kHz, in [-1, 1]. The last frames of a clip extend into zeros anyway, so padding at the end never
            changes the clip's own `frame_count` frames.

        Returns
        -------
        Tensor[B x frames x 128], dB
        """
        return 10 * self.mel(wave).clamp_min(LOWEST_POWER).log10().transpose(-1, -2)


@torch.inference_mode()
def log_mel_frames(waves: Sequence[np.ndarray], names: Sequence[str], log_mel: LogMel) -> list[Tensor]:
    """Compute the frames of clips of any lengths.

    Parameters
    ----------
    waves : sequence of float array [T_i], 16 kHz, in [-1, 1]
    names : sequence of str
        For error messages.
    log_mel : LogMel
        On the device to compute on.

    Returns
    -------
    list of Tensor[F_i x 128], dB, on the CPU
        F_i >= 5. The frames of a clip do not depend on the other clips.

    Raises
    ------
    StridorError
        If a clip has fewer than five frames.
    """
    for wave, name in zip(waves, names, strict=True):
        if len(wave) < MIN_SAMPLES:
            raise StridorError(
                f"{name} has {len(wave)} samples at 16 kHz; the autoencoder takes {STACKED_FRAMES} frames at once "
                f"and needs at least {MIN_SAMPLES} ({MIN_SAMPLES / SAMPLE_RATE_HZ} s), remove it."
            )
    device = log_mel.mel.mel_scale.fb.device
    frames: list[Tensor] = [torch.empty(0)] * len(waves)
    for batch in similar_length_batches([len(wave) for wave in waves], BATCH_CLIPS):
        padded, _ = pad([waves[i] for i in batch])
        image = log_mel(padded.to(device)).cpu()
        for row, i in zip(image, batch, strict=True):
            frames[i] = row[: frame_count(len(waves[i]))].clone()
    return frames


def read_frames(
    clips: Sequence[Clip], audio: AudioParams, device: str | torch.device = "cpu"
) -> Iterator[tuple[Clip, Tensor]]:
    """Read clips from disk and yield each with its frames, in order; at most a few hundred waves are in memory."""
    log_mel = LogMel().to(device)
    for start in range(0, len(clips), 16 * BATCH_CLIPS):
        chunk = clips[start : start + 16 * BATCH_CLIPS]
        waves = [read_clip(clip.path, audio.channel) for clip in chunk]
        yield from zip(chunk, log_mel_frames(waves, [clip.path for clip in chunk], log_mel), strict=True)


def stacks(frames: Tensor, starts: Tensor | None = None) -> Tensor:
    """Stack each five consecutive frames into one vector, the earliest first.

    Parameters
    ----------
    frames : Tensor[F x 128]
    starts : Tensor[V], int64, optional
        First frame of each stack; all possible ones if not given.

    Returns
    -------
    Tensor[V x 640]
        V = F - 4 without `starts`.
    """
    if starts is None:
        starts = torch.arange(len(frames) - STACKED_FRAMES + 1, device=frames.device)
    return frames[starts[:, None] + torch.arange(STACKED_FRAMES, device=frames.device)].flatten(1)
