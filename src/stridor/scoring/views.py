"""Embeddings of several views of a clip, as a detector with joined views needs them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from stridor.audio.fbank import frame_counts
from stridor.common.errors import StridorError
from stridor.models.checkpoint import load_encoder
from stridor.models.encoder import Encoder, Tokens
from stridor.models.log_mel import LogMelPatches
from stridor.models.precision import at_precision
from stridor.params.scoring_sections import EmbeddingParams, View, ViewEncoder
from stridor.scoring.embedding import Embedder, EncoderEmbedder, TokenEmbedder

# Under which names the files of a detector hold the encoders of its views.
ENCODER_FILES: dict[ViewEncoder, str] = {"fine_tuned": "encoder", "frozen": "frozen", "tagger": "tagger"}


class ViewsEmbedder(TokenEmbedder):
    """The vectors of several views, one after the other; what two views share is computed once.

    Parameters
    ----------
    views : sequence of (Encoder, EmbeddingParams)
    device : str or torch.device

    Raises
    ------
    StridorError
        As for `EncoderEmbedder`.
    """

    def __init__(self, views: Sequence[tuple[Encoder, EmbeddingParams]], device: str | torch.device = "cpu") -> None:
        keys = {(encoder, way.precision) for encoder, way in views}
        shared = {key: at_precision(*key, torch.device(device)) for key in keys}
        self.parts = [EncoderEmbedder(shared[encoder, way.precision], way, device) for encoder, way in views]
        super().__init__([part.width for part in self.parts], device)

    def embed_tokens(self, wave: Tensor, lengths: Tensor, change: Callable[[Tokens], Tokens]) -> Tensor:
        """Encode by every encoder and pool for every view."""
        up_to: dict[Encoder, int] = {}
        for part in self.parts:
            up_to[part.encoder] = max(part.last_layer, up_to.get(part.encoder, 0))
        arithmetic = {part.encoder: part.arithmetic for part in self.parts}
        frames = frame_counts(lengths)
        images: dict[Callable[..., Tensor], Tensor] = {}  # mostly one, as encoders see the same image
        tokens = {}
        for encoder, last in up_to.items():
            kind = type(encoder).log_mel
            if kind not in images:
                images[kind] = encoder.log_mel(wave)
            with arithmetic[encoder]():
                tokens[encoder] = change(encoder.encode(images[kind], frames, last))
        return torch.cat([part.pool(tokens[part.encoder]) for part in self.parts], dim=1)


def detector_embedder(
    views: Sequence[View], encoders: Mapping[ViewEncoder, Encoder], device: str | torch.device = "cpu"
) -> Embedder:
    """Return the embedder of a detector.

    Parameters
    ----------
    views : sequence of (str, EmbeddingParams)
        As from `views_of`.
    encoders : mapping of str to Encoder
        Those of the views but `log_mel`, which has no weights.
    """
    known = {"log_mel": LogMelPatches(frames=1)} | dict(encoders)
    return ViewsEmbedder([(known[name], way) for name, way in views], device)


def load_embedder(views: Sequence[View], files: Mapping[str, Path], device: str | torch.device = "cpu") -> Embedder:
    """Return the embedder of a detector from its files.

    Parameters
    ----------
    views : sequence of (str, EmbeddingParams)
    files : mapping of str to Path
        Checkpoints by the names of `ENCODER_FILES`, those that the views need.

    Raises
    ------
    StridorError
        If a file is missing or cannot be read.
    """
    encoders: dict[ViewEncoder, Encoder] = {}
    for name in dict.fromkeys(name for name, _ in views if name != "log_mel"):
        path = files.get(ENCODER_FILES[name])
        if path is None:
            raise StridorError(
                f"A view of the detector needs the encoder '{name}', whose file is not there; register the detector "
                "again."
            )
        encoders[name] = load_encoder(path)
    return detector_embedder(views, encoders, device)
