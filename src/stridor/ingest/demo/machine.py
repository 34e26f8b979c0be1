"""What every synthetic machine has in common: faults with a severity, and one way to run it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stridor.common.errors import StridorError
from stridor.ingest.demo.settings import Settings
from stridor.ingest.demo.signals import gain, sample_count, unit


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a machine."""

    kind: str  # one of the machine's `FAULTS`
    severity: float  # from 0 (barely there) to 1 (about to fail)

    def __post_init__(self) -> None:
        if not 0.0 <= self.severity <= 1.0:
            raise StridorError(f"Fault {self.kind!r} has severity {self.severity}, expected a number from 0 to 1.")

    def amount(self, kind: str, slight: float, grave: float) -> float:
        """Return a quantity that grows with the severity; 0 where the fault is another one."""
        return slight + (grave - slight) * self.severity if kind == self.kind else 0.0

    def level(self, slight_db: float, grave_db: float) -> float:
        """Return the amplitude of a sound that the fault adds; its level in dB grows with the severity."""
        return float(gain(slight_db + (grave_db - slight_db) * self.severity))


# A machine without fault runs through the same code, with every amount at zero.
_HEALTHY = Fault("none", 0.0)


@dataclass(frozen=True)
class Machine(Settings):
    """Settings of one machine; a subclass declares them and how they sound."""

    FAULTS: ClassVar[tuple[str, ...]] = ()

    def sound(self, rng: np.random.Generator, samples: int, fault: Fault) -> np.ndarray:
        """Return ndarray[T], at any level."""
        raise NotImplementedError


def synthesise(settings: Machine, rng: np.random.Generator, seconds: float, fault: Fault | None = None) -> np.ndarray:
    """Return the sound of a running machine, close by and in silence.

    Speed, load and the balance of its parts wander around the settings as `rng` has it, so that
    no two clips of one machine are alike.

    Parameters
    ----------
    settings : the machine, for example `Fan(...)` or `Fan.draw(rng)`
    seconds : length of the clip
    fault : what is wrong with it, or None for a machine in good order

    Returns
    -------
    ndarray[T], float64, 16 kHz, without DC and with an rms of one: a fault is never heard by loudness
    """
    if fault is not None and fault.kind not in settings.FAULTS:
        raise StridorError(
            f"{type(settings).__name__} has no fault {fault.kind!r}, expected one of {', '.join(settings.FAULTS)}."
        )
    if not seconds >= 0.1:
        raise StridorError(f"A machine cannot be synthesised for {seconds} seconds, expected at least 0.1.")
    return unit(settings.sound(rng, sample_count(seconds), fault or _HEALTHY))
