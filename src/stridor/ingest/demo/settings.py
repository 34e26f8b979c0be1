"""Records of settings that know their own ranges: checked when made, and drawn at random for variety."""

from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np

from stridor.common.errors import StridorError


def setting(low: float, high: float) -> Any:
    """Declare a setting with the range in which the synthesis is sound."""
    return field(metadata={"low": low, "high": high})


@dataclass(frozen=True)
class Settings:
    """A record whose fields are all declared with `setting`."""

    def __post_init__(self) -> None:
        for item in fields(self):
            low, high, value = item.metadata["low"], item.metadata["high"], getattr(self, item.name)
            if not low <= value <= high:
                raise StridorError(
                    f"Setting {item.name} of {type(self).__name__} is {value}, expected a number from {low} to {high}."
                )

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Return a record with every setting drawn from its whole range."""
        values: dict[str, float] = {}
        for item in fields(cls):
            low, high = item.metadata["low"], item.metadata["high"]
            if item.type is int:
                values[item.name] = int(rng.integers(low, high + 1))
            elif low > 0:
                # Rates and times are told apart by their ratio.
                values[item.name] = float(np.clip(low * (high / low) ** rng.random(), low, high))
            else:
                values[item.name] = float(rng.uniform(low, high))
        return cls(**values)
