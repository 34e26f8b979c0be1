"""A detector's embedder as an ONNX graph: waves of any length in, embeddings out, without PyTorch."""

import json
import warnings
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.common.atomic import atomic_folder
from stridor.common.errors import StridorError
from stridor.models.beats import Beats
from stridor.models.encoder import BANDS, PATCH, Encoder
from stridor.models.log_mel import LogMelPatches
from stridor.models.mn04 import Mn04
from stridor.models.pooling import pool
from stridor.models.positional import PositionalConvolution
from stridor.models.side import SideTuned
from stridor.params.scoring_sections import EmbeddingParams
from stridor.scoring.embedding import MIN_SAMPLES, Embedder, EncoderEmbedder
from stridor.scoring.reference import MachineReference
from stridor.scoring.views import ViewsEmbedder
from stridor.serving.onnx_images import TraceableFbank, TraceableMn04Image

if TYPE_CHECKING:
    from stridor.serving.detector import Detector

MODEL, DESCRIPTION, BANKS = "embedder.onnx", "detector.json", "banks"
INPUT, OUTPUT = "wave", "embedding"
OPSET = 17


def export_detector(detector: "Detector", folder: Path) -> None:
    """Write a detector for ONNX Runtime.

    The folder gets `embedder.onnx`, which maps a wave, float32 [1 x T] at 16 kHz in [-1, 1], to its embedding
    [1 x width]; `banks/<machine>/`, as `stridor.scoring.joined.load_bank` reads it; and `detector.json`.

    Raises
    ------
    StridorError
        If the folder exists, an encoder's family has no such form, or the packages of stridor[onnx] are missing.
    """
    if folder.exists():
        raise StridorError(f"{folder} exists already; name another folder or remove it.")
    references: dict[str, MachineReference] = {}
    for machine, reference in detector.references.items():
        if not isinstance(reference, MachineReference):
            raise StridorError("The detector is an autoencoder, which has no ONNX form here; export one with a bank.")
        references[machine] = reference
    with atomic_folder(folder) as temporary:
        write_graph(detector.embedder, temporary / MODEL)
        for machine, reference in references.items():
            reference.save(temporary / BANKS / machine)
        description = {
            "machines": list(detector.machines), "channel": detector.audio.channel, "sample_rate_hz": SAMPLE_RATE_HZ,
            "least_samples": MIN_SAMPLES, "width": detector.embedder.width,
        }  # fmt: skip
        (temporary / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def write_graph(embedder: Embedder, path: Path) -> None:
    """Write an embedder as an ONNX graph.

    Raises
    ------
    StridorError
        If an encoder's family has no such form, or the package `onnx` is missing.
    """
    try:
        import onnx  # noqa: F401, torch needs it without saying so
    except ImportError:
        raise StridorError("The export needs the package onnx; install it by: pip install 'stridor[onnx]'") from None
    wave = torch.zeros(1, SAMPLE_RATE_HZ, device=embedder.device)
    with warnings.catch_warnings():
        # The shapes that the tracer warns about are those that are the same for every clip.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Graph(embedder).eval(), (wave,), str(path), input_names=[INPUT], output_names=[OUTPUT],
            dynamic_axes={INPUT: {1: "samples"}}, opset_version=OPSET, dynamo=False,
        )  # fmt: skip


class _Graph(nn.Module):
    """An embedder for one clip, of operations that the tracer can follow for any length."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.parts = _parts(embedder)
        self.encoders = nn.ModuleList({encoder: None for encoder, _ in self.parts})
        self.log_mel = TraceableFbank()
        self.of_mn04 = TraceableMn04Image()

    def forward(self, wave: Tensor) -> Tensor:
        layers = {}
        for encoder in dict.fromkeys(one for one, _ in self.parts):
            image = self.of_mn04 if isinstance(encoder, Mn04) else self.log_mel
            layers[encoder] = _layers(encoder, image(wave))
        vectors = []
        for encoder, way in self.parts:
            tokens = layers[encoder][way.layer % (encoder.layers + 1)]
            vectors.append(pool(tokens, _all_valid(tokens), way))
        return torch.cat(vectors, dim=1)


def _parts(embedder: Embedder) -> list[tuple[Encoder, EmbeddingParams]]:
    """Return the encoders of an embedder in a form that can be traced, and how each is pooled."""
    embedders: Sequence[Any] = embedder.parts if isinstance(embedder, ViewsEmbedder) else [embedder]
    found: list[tuple[Encoder, EmbeddingParams]] = []
    traceable: dict[Encoder, Encoder] = {}
    for one in embedders:
        encoder = one.encoder if isinstance(one, EncoderEmbedder) else None
        if encoder is not None and (precision := one.settings[0].precision) != "float32":
            raise StridorError(
                f"The detector computes in {precision}, and its ONNX form would in float32; set embedding.precision to "
                "float32, index and register it again, and export that."
            )
        if encoder is not None and any(way.pooling == "patches" for way in one.settings):
            raise StridorError(
                "There is no ONNX form of the pooling patches, whose choice among nearly equal ones may hang on the "
                "last digit; export a detector with another pooling."
            )
        base = encoder.base if isinstance(encoder, SideTuned) else encoder
        if encoder is None or not isinstance(base, Beats | LogMelPatches | Mn04):
            family = "this detector" if base is None else f"the encoder family '{base.family}'"
            raise StridorError(f"There is no ONNX form of {family}; BEATs, log_mel, mn04 and side have one.")
        if encoder not in traceable:
            traceable[encoder] = copy = deepcopy(encoder)
            base = copy.base if isinstance(copy, SideTuned) else copy
            if isinstance(base, Beats):
                base.encoder.pos_conv[0] = _DirectConvolution(cast(PositionalConvolution, base.encoder.pos_conv[0]))
        found += [(traceable[encoder], way) for way in one.settings]
    return found


def _layers(encoder: Encoder, image: Tensor) -> list[Tensor]:
    """Return all layers of a clip whose every token counts, `[1 x N x width]` each."""
    if isinstance(encoder, LogMelPatches):
        columns = image.shape[1] // encoder.frames
        spectra = image[:, : columns * encoder.frames].unflatten(1, (-1, encoder.frames)).mean(dim=2)
        return [spectra.unflatten(2, (BANDS, PATCH)).flatten(1, 2)]
    if isinstance(encoder, SideTuned):
        frozen = _layers(encoder.base, image)
        return list(encoder.corrected(frozen, _all_valid(frozen[0])))
    if isinstance(encoder, Mn04):
        return [encoder.grid(image).flatten(1, 2)]
    encoder = cast(Beats, encoder)
    columns = image.shape[1] // PATCH
    patches = encoder.patch_embedding(image[:, None, : columns * PATCH])
    tokens = encoder.post_extract_proj(encoder.layer_norm(patches.flatten(2).transpose(1, 2)))
    layers: list[Tensor] = encoder.encoder(tokens, _all_valid(tokens))
    return layers


def _all_valid(tokens: Tensor) -> Tensor:
    """Return that all tokens count, bool `[1 x N]`; ones would be folded to a constant of the traced length."""
    return tokens[..., 0].abs() >= 0


class _DirectConvolution(nn.Module):
    """What `PositionalConvolution` computes through a Fourier transform, which ONNX does not have."""

    def __init__(self, module: PositionalConvolution) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        module = self.module
        weight = module.weight_v * (module.weight_g / module.weight_v.norm(dim=(0, 1), keepdim=True))
        y = F.conv1d(x, weight, module.bias, padding=weight.shape[-1] // 2, groups=module.groups)
        return y[..., : x.shape[-1]]
