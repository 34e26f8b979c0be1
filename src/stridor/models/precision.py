"""Copies of an encoder for scoring, whose linear layers compute in bfloat16 or in integers of 8 bits."""

import contextlib
import copy

import torch
from torch import Tensor, nn

from stridor.common.errors import StridorError
from stridor.models.encoder import Encoder
from stridor.params.scoring_sections import Precision

# Narrower layers, such as the gates of attention, take no time.
_LEAST_WIDTH = 16
_LARGEST_INT8 = 127


class Int8Linear(nn.Module):
    """A linear layer of 8-bit weights, with a scale for every output, on tokens rounded to 8 bits, with one for each.

    As each token has a scale of its own, it does not depend on the others of the batch. Products are added up as
    integers, so that only the two roundings are lost (Dettmers et al., "LLM.int8()", NeurIPS 2022, without outliers).
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight, scale = _rounded(linear.weight.detach())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale[:, 0].clone())
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        """Map `[... x inputs]` to `[... x outputs]`."""
        rounded, scale = _rounded(x.flatten(0, -2))
        y = torch._int_mm(rounded, self.weight.T).to(x.dtype).mul_(scale).mul_(self.scale)
        if self.bias is not None:
            y += self.bias
        return y.unflatten(0, x.shape[:-1])


def at_precision(encoder: Encoder, precision: Precision, device: torch.device) -> Encoder:
    """Return an encoder on a device, with linear layers that compute in a precision.

    Its tokens are computed within `arithmetic`. The encoder itself is returned, moved, where nothing is to be changed;
    else it stays as it is, and a copy is returned, which cannot be trained.

    Raises
    ------
    StridorError
        If the device cannot compute so.
    """
    _check(precision, device)
    if precision == "float32" or not _layers(encoder, precision):
        return encoder.to(device)
    encoder = copy.deepcopy(encoder).requires_grad_(False)
    for parent, name, linear in _layers(encoder, precision):
        setattr(parent, name, Int8Linear(linear) if precision == "int8" else linear.to(torch.bfloat16))
    return encoder.to(device)


def arithmetic(precision: Precision, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Return the context in which an encoder from `at_precision` computes: for bfloat16, matrix products all are."""
    if precision == "bfloat16":
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def _layers(encoder: Encoder, precision: Precision) -> list[tuple[nn.Module, str, nn.Linear]]:
    """Return the linear layers that are not in the precision yet, each with its parent and its name there."""
    return [
        (parent, name, child)
        for parent in encoder.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear)
        and min(child.weight.shape) >= _LEAST_WIDTH
        and not (precision == "bfloat16" and child.weight.dtype == torch.bfloat16)
    ]


def _rounded(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Round rows `[M x K]` to int8, each with a scale of its own; return them with the scales `[M x 1]`."""
    scale = rows.abs().amax(dim=1, keepdim=True).clamp_min(torch.finfo(rows.dtype).tiny) / _LARGEST_INT8
    return (rows / scale).round_().to(torch.int8), scale


def _check(precision: Precision, device: torch.device) -> None:
    if precision != "int8":
        return
    if device.type != "cpu":
        raise StridorError(
            f"embedding.precision is int8, which is for the processor, not for the device '{device}'; compute on cpu, "
            "or set it to bfloat16."
        )
    # Without these instructions, sums of products overflow on some processors, and are slow on others.
    if not (hasattr(torch, "_int_mm") and torch.cpu._is_vnni_supported()):
        raise StridorError(
            "embedding.precision is int8, which needs a processor with AVX-512 VNNI; set it to float32 and index the "
            "detector again."
        )
