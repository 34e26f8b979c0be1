"""Embedding of clips for several systems at a time, so that a clip is read, and encoded by each encoder, only once."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from stridor.data.manifest import Clip
from stridor.models.encoder import Encoder
from stridor.params.scoring_sections import EmbeddingParams
from stridor.params.sections import AudioParams
from stridor.scoring.embedding import Embedder
from stridor.scoring.views import ViewsEmbedder

Key = TypeVar("Key", bound=Hashable)
Views = Sequence[tuple[Encoder, EmbeddingParams]]


def shared_embedders(views: Mapping[Key, Views], device: str | torch.device = "cpu") -> dict[Key, Embedder]:
    """Return an embedder for each system that shares its work with the others.

    Parameters
    ----------
    views : mapping of key to sequence of (Encoder, EmbeddingParams)
        Of each system; what they have in common is found by the identity of the encoders.
    device : str or torch.device
    """
    everything = _Everything(ViewsEmbedder([view for some in views.values() for view in some], device))
    embedders: dict[Key, Embedder] = {}
    first = 0
    for key, some in views.items():
        widths = everything.embedder.widths[first : first + len(some)]
        start = sum(everything.embedder.widths[:first])
        embedders[key] = _Share(everything, start, widths)
        first += len(some)
    return embedders


class _Everything:
    """The embeddings by all systems of the clips that were asked for last."""

    def __init__(self, embedder: ViewsEmbedder) -> None:
        self.embedder = embedder
        self._asked: object = None

    def embed_clips(self, clips: list[Clip], audio: AudioParams) -> np.ndarray:
        if self._asked != (clips, audio):
            self._found = self.embedder.embed_clips(clips, audio)
            self._asked = (clips, audio)
        return self._found


class _Share(Embedder):
    """What belongs to one system of the embeddings by all."""

    def __init__(self, everything: _Everything, start: int, widths: Sequence[int]) -> None:
        super().__init__(widths, everything.embedder.device)
        self._everything, self._columns = everything, slice(start, start + sum(widths))

    def embed_batch(self, wave: Tensor, lengths: Tensor) -> Tensor:
        """Embed by all systems, and return this one's values."""
        return self._everything.embedder.embed_batch(wave, lengths)[:, self._columns]

    def embed_clips(self, clips: Iterable[Clip], audio: AudioParams) -> np.ndarray:
        """Embed clips from disk, unless another system has asked for the same clips just before."""
        found = self._everything.embed_clips(list(clips), audio)
        return np.ascontiguousarray(found[:, self._columns])
