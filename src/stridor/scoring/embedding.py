"""Embeddings of clips, computed by the same code in the pipeline and in a served detector."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from stridor.audio.batches import pad, similar_length_batches
from stridor.audio.fbank import FRAME_SAMPLES, HOP_SAMPLES, MEL_BANDS, Fbank, frame_counts
from stridor.audio.files import SAMPLE_RATE_HZ, read_clip
from stridor.common.errors import StridorError
from stridor.data.manifest import Clip
from stridor.models.encoder import PATCH, Encoder, Tokens, check_layer
from stridor.models.pooling import pool, pooled_width
from stridor.models.precision import arithmetic, at_precision
from stridor.params.scoring_sections import EmbeddingParams
from stridor.params.sections import AudioParams

MIN_SAMPLES = FRAME_SAMPLES + (PATCH - 1) * HOP_SAMPLES
BATCH_SIZE = 16


def require_length(wave: np.ndarray, name: str) -> None:
    """Raise a StridorError if a clip, float [T] at 16 kHz, is shorter than one patch of 16 frames."""
    if len(wave) < MIN_SAMPLES:
        raise StridorError(
            f"{name} has {len(wave)} samples at 16 kHz; the encoder needs at least {MIN_SAMPLES} "
            f"({MIN_SAMPLES / SAMPLE_RATE_HZ} s), remove it."
        )


class Embedder(ABC):
    """Turns clips of any lengths into vectors of one width.

    Attributes
    ----------
    widths : tuple of int
        Values of an embedding that each of its parts contributes.
    width : int
        Of all of them.
    device : torch.device
    precision : torch.dtype
        Of the values.
    """

    precision = torch.float32

    def __init__(self, widths: Sequence[int], device: str | torch.device) -> None:
        self.widths = tuple(widths)
        self.width = sum(self.widths)
        self.device = torch.device(device)

    @abstractmethod
    def embed_batch(self, wave: Tensor, lengths: Tensor) -> Tensor:
        """Embed waves `[B x T]`, padded at the end, that have `lengths` samples `[B]`; return `[B x width]`."""

    @torch.inference_mode()
    def embed(self, waves: Sequence[np.ndarray], names: Sequence[str] | None = None) -> np.ndarray:
        """Embed clips of any lengths.

        Parameters
        ----------
        waves : sequence of float array [T_i], 16 kHz, in [-1, 1]
        names : sequence of str, optional
            For error messages.

        Returns
        -------
        array [clips x width], of `precision`
            A clip's embedding does not depend on the other clips (up to 1e-5).

        Raises
        ------
        StridorError
            If a clip is shorter than one patch of 16 frames.
        """
        names = names or [f"clip {i}" for i in range(len(waves))]
        for wave, name in zip(waves, names, strict=True):
            require_length(wave, name)
        embeddings = torch.empty((len(waves), self.width), dtype=self.precision).numpy()
        for batch in similar_length_batches([len(wave) for wave in waves], BATCH_SIZE):
            padded, lengths = pad([waves[i] for i in batch])
            embedded = self.embed_batch(padded.to(self.device), lengths.to(self.device))
            embeddings[batch] = embedded.to(self.precision).cpu().numpy()
        return embeddings

    def embed_without(self, wave: np.ndarray, parts: Sequence[tuple[int, int]]) -> np.ndarray:
        """Embed a clip several times, each time without one of its parts.

        Parameters
        ----------
        wave : float array [T]
        parts : sequence of (int, int)
            First sample and the one after the last; what remains must be long enough to be embedded.

        Returns
        -------
        array [parts x width], of `precision`
        """
        return self.embed([np.delete(wave, slice(*part)) for part in parts])

    def embed_clips(self, clips: Iterable[Clip], audio: AudioParams) -> np.ndarray:
        """Read and embed clips from disk, a few hundred at a time to limit memory.

        Returns
        -------
        array [clips x width], float32
        """
        clips = list(clips)
        embeddings = np.empty((len(clips), self.width), dtype=np.float32)
        for start in range(0, len(clips), 16 * BATCH_SIZE):
            some = clips[start : start + 16 * BATCH_SIZE]
            waves = [read_clip(clip.path, audio.channel) for clip in some]
            embeddings[start : start + len(some)] = self.embed(waves, [clip.path for clip in some])
        return embeddings


class TokenEmbedder(Embedder):
    """An embedder that pools tokens: a clip is encoded once, whichever of its parts are left out."""

    @abstractmethod
    def embed_tokens(self, wave: Tensor, lengths: Tensor, change: Callable[[Tokens], Tokens]) -> Tensor:
        """Embed waves as `embed_batch` does; what `change` makes of the tokens is pooled."""

    def embed_batch(self, wave: Tensor, lengths: Tensor) -> Tensor:
        """Encode and pool."""
        return self.embed_tokens(wave, lengths, lambda tokens: tokens)

    @torch.inference_mode()
    def embed_without(self, wave: np.ndarray, parts: Sequence[tuple[int, int]]) -> np.ndarray:
        """Embed a clip without each of its parts: their tokens do not count, but have been heard by the others."""
        padded, lengths = pad([wave])
        shares = [(start / len(wave), end / len(wave)) for start, end in parts]
        embedded = self.embed_tokens(
            padded.to(self.device), lengths.to(self.device), lambda tokens: tokens.without(shares)
        )
        return embedded.cpu().numpy()


class EncoderEmbedder(TokenEmbedder):
    """Tokens of an encoder, pooled with one or several settings in one pass.

    Parameters
    ----------
    encoder : Encoder
    settings : EmbeddingParams or sequence of EmbeddingParams
        Which layer is pooled and how; of several, which share their precision, an embedding holds the vectors one after
        the other.
    device : str or torch.device

    Raises
    ------
    StridorError
        If the encoder has no such layer, or the device cannot compute in the precision.

    Examples
    --------
    >>> import numpy as np
    >>> from stridor import EmbeddingParams, EncoderEmbedder
    >>> from stridor.models.log_mel import LogMelPatches
    >>> encoder = LogMelPatches()  # mostly load_encoder("encoder.pt")
    >>> embedder = EncoderEmbedder(encoder, EmbeddingParams(pooling="bands"))
    >>> embedder.embed([np.zeros(16000), np.zeros(8000)]).shape
    (2, 128)
    """

    def __init__(
        self,
        encoder: Encoder,
        settings: EmbeddingParams | Sequence[EmbeddingParams] = EmbeddingParams(),  # noqa: B008, the record is frozen
        device: str | torch.device = "cpu",
    ) -> None:
        self.settings = (settings,) if isinstance(settings, EmbeddingParams) else tuple(settings)
        layers = encoder.layers
        for one in self.settings:
            check_layer(encoder, one)
        # Counted from the input, so that the layers behind the last of them need not be computed.
        self._layers = tuple(one.layer % (layers + 1) for one in self.settings)
        super().__init__([pooled_width(encoder.width, one) for one in self.settings], device)
        (precision,) = {one.precision for one in self.settings}
        self.arithmetic = partial(arithmetic, precision, self.device)
        self.encoder = at_precision(encoder, precision, self.device).eval()

    def embed_tokens(self, wave: Tensor, lengths: Tensor, change: Callable[[Tokens], Tokens]) -> Tensor:
        """Pool the tokens in every way."""
        with self.arithmetic():
            tokens = self.encoder(wave, lengths, up_to=self.last_layer)
        return self.pool(change(tokens))

    @property
    def last_layer(self) -> int:
        """The last of the encoder's layers that is pooled, counted from the input."""
        return max(self._layers)

    def pool(self, tokens: Tokens) -> Tensor:
        """Pool tokens in every way, Tensor[B x width]."""
        pooled = [
            pool(tokens.layers[layer].to(self.precision), tokens.valid, one)
            for layer, one in zip(self._layers, self.settings, strict=True)
        ]
        return torch.cat(pooled, dim=1)


class LogMelEmbedder(Embedder):
    """Mean spectrum of the log-mel image that an encoder gets: a baseline without any learning."""

    def __init__(self, device: str | torch.device = "cpu") -> None:
        super().__init__([MEL_BANDS], device)
        self.fbank = Fbank().to(device)

    def embed_batch(self, wave: Tensor, lengths: Tensor) -> Tensor:
        """Average the clips' own frames."""
        image = self.fbank(wave)
        frames = frame_counts(lengths)
        own = torch.arange(image.shape[1], device=image.device) < frames[:, None]
        return (image * own[..., None]).sum(dim=1) / frames[:, None]
