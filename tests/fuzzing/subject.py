"""What is fuzzed: something that reads files which somebody else has written."""

import random
from abc import ABC, abstractmethod
from pathlib import Path

from fuzzing.sandbox import Sandbox


class Subject(ABC):
    """A reader, and inputs for it.

    Attributes
    ----------
    seconds, wall_seconds, megabytes : float
        What one input may take: of the processor, in all, and of memory.
    case : int
        The number of the input that is written.
    """

    seconds, wall_seconds = 10.0, 120.0
    megabytes = 600.0

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.case = 0

    @abstractmethod
    def write(self, rng: random.Random, folder: Path) -> None:
        """Write a mutated input into a folder."""

    @abstractmethod
    def names(self, folder: Path) -> tuple[str, ...]:
        """Return what a refusal of that input has to name, one of them at least."""

    @abstractmethod
    def check(self, rng: random.Random, folder: Path) -> None:
        """Read an input.

        Raises
        ------
        StridorError
            If it is refused.
        Wrong
            If it was accepted and should not have been, or something else is not as it should be.
        """
