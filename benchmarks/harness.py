"""What all benchmarks share: paired timing, the machine's own ceilings, and the table of results."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch

from stridor.common.compute import cores

Work = Callable[[], object]


@dataclass(frozen=True)
class Times:
    """Repeats of the same work, in seconds of the clock and of all processor cores together."""

    wall: list[float]
    cpu: list[float]

    @property
    def best(self) -> float:
        """The shortest repeat, in seconds of one core."""
        return min(self.cpu)

    def shown(self, pieces: float = 1.0) -> str:
        """Return the shortest repeats by the clock and by the cores, per piece."""
        return f"{per_piece(min(self.wall), pieces)}, {per_piece(self.best, pieces)}"


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes
    ----------
    ratio : str
        To a ceiling or to a yardstick, with what it is.
    spread : str
        Quartiles over the repeats, of paired ratios or of times, in processor time.
    """

    name: str
    case: str
    value: str
    ratio: str
    spread: str


@dataclass
class Bench:
    """A run of some benchmarks, and its rows.

    Parameters
    ----------
    tiny : bool
        The smallest sizes, one repeat: whether a benchmark works, not how fast it is.
    repeats : int
        Of each piece of work.
    """

    tiny: bool = False
    repeats: int = 5
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.tiny:
            self.repeats = 1

    @cached_property
    def gflops(self) -> float:
        """The rate of a large matrix product, in 10^9 floating-point operations a second and core.

        A core's second is the processor time of the process, so that ratios to it hold on a busy machine too.
        """
        size = 128 if self.tiny else 2048
        a, b = torch.randn(2, size, size)
        return 2 * size**3 / self.time(lambda: a @ b, 5).best / 1e9

    @cached_property
    def gbytes(self) -> float:
        """The rate of a memory copy, in 10^9 bytes read and written a second and core."""
        source = torch.zeros(2**16 if self.tiny else 2**26)
        target = torch.zeros_like(source)
        return 2 * source.nbytes / self.time(lambda: target.copy_(source), 5).best / 1e9

    def time(self, work: Work, repeats: int | None = None) -> Times:
        """Time some work, after one warm-up."""
        return self._alternate([work], repeats or self.repeats)[0]

    def pair(self, name: str, case: str, ours: Work, theirs: Work, unit: float = 1.0, note: str = "") -> Times:
        """Add a row of our work beside a yardstick, alternately so that both meet the same company on the machine.

        Parameters
        ----------
        unit : float
            Pieces, such as clips, in one piece of work.
        note : str
            Behind the ratio, such as what the yardstick is.
        """
        mine, yardstick = self._alternate([ours, theirs], self.repeats)
        by_clock = [b / a for a, b in zip(mine.wall, yardstick.wall, strict=True)]
        by_cores = [b / a for a, b in zip(mine.cpu, yardstick.cpu, strict=True) if a > 0]
        cpu = f", {statistics.median(by_cores):.2f} in processor time" if by_cores else ""
        ratio = f"{statistics.median(by_clock):.2f} times as fast{cpu}{note and f'; {note}'}"
        self.rows.append(Row(name, case, mine.shown(unit), ratio, spread(by_cores or by_clock, "{:.2f}")))
        return mine

    def single(self, name: str, case: str, work: Work, ratio: Callable[[Times], str], unit: float = 1.0) -> Times:
        """Add a row of work whose ratio is computed from its times, such as the share of a ceiling."""
        times = self.time(work)
        scaled = [1000 * seconds / unit for seconds in times.cpu]
        self.rows.append(Row(name, case, times.shown(unit), ratio(times), f"{spread(scaled, '{:.3g}')} ms"))
        return times

    def note(self, name: str, case: str, value: str, ratio: str = "", quartiles: str = "") -> None:
        """Add a row that something else has measured."""
        self.rows.append(Row(name, case, value, ratio, quartiles))

    def ceilings(self) -> str:
        """Return the ceilings in a line."""
        return (
            f"Matrix product {self.gflops:.0f} GFLOP/s a core (float32), memory copy {self.gbytes:.1f} GB/s a core; "
            f"{torch.get_num_threads()} threads."
        )

    def table(self) -> str:
        """Return all rows in Markdown."""
        head = "| benchmark | case | best: clock, processor | ratio | quartiles |\n|---|---|---:|---|---|\n"
        lines = (f"| {r.name} | {r.case} | {r.value} | {r.ratio} | {r.spread} |\n" for r in self.rows)
        return head + "".join(lines)

    @staticmethod
    def _alternate(works: list[Work], repeats: int) -> list[Times]:
        found = [Times([], []) for _ in works]
        for work in works:
            work()
        for _ in range(repeats):
            for work, times in zip(works, found, strict=True):
                wall, cpu = time.perf_counter(), time.process_time()
                work()
                times.wall.append(time.perf_counter() - wall)
                times.cpu.append(time.process_time() - cpu)
        return found


def per_piece(seconds: float, pieces: float) -> str:
    """Return a time per piece in a unit that suits it."""
    one = seconds / pieces
    return f"{one:.2f} s" if one >= 1 else f"{1000 * one:.3g} ms"


def spread(values: list[float], form: str) -> str:
    """Return the quartiles of some values."""
    if len(values) < 2:
        return form.format(values[0])
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{form.format(low)} to {form.format(high)}"


def hardware() -> str:
    """Return processor, cores in use and load in a line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return f"{model}, {cores()} cores{load}, Python {platform.python_version()}, PyTorch {torch.__version__}"
