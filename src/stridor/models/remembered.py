"""Values that follow from weights alone, kept between passes while nothing is being learnt."""

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor


class Remembered:
    """One tensor made of weights; made again when a weight, or what else it depends on, has changed.

    With gradients on it is made anew every time, as gradients flow through it. Only the latest value is kept, since
    batches come in order of their length.
    """

    def __init__(self) -> None:
        # One attribute, so that threads that score side by side never see a value with another's state.
        self._kept: tuple[Hashable, Tensor] | None = None

    def __call__(self, weights: Sequence[Tensor], others: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """Return the value.

        Parameters
        ----------
        weights : sequence of Tensor
            Whose changes in place and replacements are noticed.
        others : hashable
            What else the value depends on.
        make : callable
            Makes the value.
        """
        if torch.is_grad_enabled() or any(weight.is_inference() for weight in weights):
            return make()
        state = (others, *((weight.data_ptr(), weight._version, weight.device, weight.dtype) for weight in weights))
        kept = self._kept
        if kept is None or kept[0] != state:
            self._kept = kept = (state, make())
        return kept[1]

    def __deepcopy__(self, memo: object) -> "Remembered":
        """Return an empty one: the copy of a module has weights of its own."""
        return Remembered()

    def __reduce__(self) -> tuple[type["Remembered"], tuple[()]]:
        """Leave the value out of pickles."""
        return Remembered, ()
