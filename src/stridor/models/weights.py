"""Weights from a file, checked before anybody computes with them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from stridor.common.errors import StridorError

# No training ends near it, and the square of a sum of such weights is still finite.
LARGEST_WEIGHT = 1e6


class NoInitialValues(TorchFunctionMode):
    """Build modules without drawing the values that they start from.

    On the meta device, where tensors have shapes but no values, PyTorch imports its compiler to draw them, which takes
    two seconds.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        """Call a function of PyTorch, or leave the tensor as it is if it would be initialised."""
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def check_weights(weights: Mapping[object, object], expected: Mapping[str, Tensor], path: str | Path) -> None:
    """Check that weights are ordinary tensors of the shapes that an architecture asks for, with values of a network.

    Parameters
    ----------
    weights : mapping
    expected : mapping of str to Tensor
        As a module's `state_dict`; its tensors may be without values, on the meta device.
    path : str or Path
        Of the file, for messages.

    Raises
    ------
    StridorError
        If a tensor is missing, unknown, of another shape or kind, or not finite.
    """
    if missing := sorted(expected.keys() - weights.keys()):
        raise StridorError(f"{path} lacks {len(missing)} tensors that its architecture asks for, first '{missing[0]}'; "
                           "it is damaged or belongs to another architecture.")  # fmt: skip
    if unknown := sorted(str(name) for name in weights.keys() - expected.keys()):
        raise StridorError(f"{path} holds {len(unknown)} tensors that its architecture does not ask for, first "
                           f"'{unknown[0][:100]}'; it belongs to another architecture.")  # fmt: skip
    for name, wanted in expected.items():
        tensor = weights[name]
        if (problem := _unusable(tensor)) is not None:
            raise StridorError(f"{path}: '{name}' {problem}; get the file again, or save it with plain float tensors.")
        assert isinstance(tensor, Tensor)
        if tensor.shape != wanted.shape:
            raise StridorError(f"{path}: tensor '{name}' has the shape {tuple(tensor.shape)}, its architecture asks "
                               f"for {tuple(wanted.shape)}; it belongs to another architecture.")  # fmt: skip
        largest = float(tensor.detach().float().abs().max()) if tensor.numel() else 0.0
        # The comparison is false for NaN too.
        if not largest < float("inf"):
            raise StridorError(f"{path}: the tensor '{name}' holds values that are not finite; get the file again.")
        if largest > LARGEST_WEIGHT:
            raise StridorError(f"{path}: the tensor '{name}' holds the value {largest:.3g}, no network one above "
                               f"{LARGEST_WEIGHT:g}; it is damaged, get the file again.")  # fmt: skip


def _unusable(tensor: object) -> str | None:
    if not isinstance(tensor, Tensor):
        return f"is of the type {type(tensor).__name__}, not a tensor"
    if tensor.is_quantized or tensor.layout != torch.strided or tensor.device.type == "meta":
        return "is a quantised, sparse or empty tensor"
    if not tensor.is_floating_point():
        return f"holds {tensor.dtype} instead of float values".replace("torch.", "")
    return None
