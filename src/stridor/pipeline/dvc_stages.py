"""Run the stages that are not up to date, in several DVC processes in parallel."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from stridor.common.compute import THREADS, threads_of_each
from stridor.common.dvc import dvc_line
from stridor.common.dvc_locks import drop_half_copies, drop_stale_locks
from stridor.common.errors import StridorError
from stridor.pipeline.processes import Command, run_parallel


class Part(NamedTuple):
    """Stages of a group that run one after the other.

    Attributes
    ----------
    stages : tuple of str
        Their names, in the order in which they depend on each other.
    after : tuple of int
        Numbers of the parts of the group that have to end before.
    """

    stages: tuple[str, ...]
    after: tuple[int, ...] = ()


def run_stale(
    name: str, groups: Sequence[Sequence[Part]], stale: set[str], jobs: int, print_line: Callable[[str], object] = print
) -> None:
    """Run the groups that contain a stage which is not up to date.

    The first parts of all groups start before second ones, and so on, so that no processor has to wait in the end for
    the whole last group.

    Parameters
    ----------
    name : str
        What the groups are, for the printed line.
    groups : sequence of sequences of Part
        Groups must be independent, and have equally many parts.
    stale : set of str
    jobs : int
        Number of groups, or parts of them, that run in parallel.
    print_line : callable
        Prints a line.

    Raises
    ------
    StridorError
        If a stage failed; raised after all other groups have run.
    """
    missing = [group for group in groups if any(not stale.isdisjoint(part.stages) for part in group)]
    at_a_time = f"; {jobs} at a time" if missing else ""
    print_line(f"{name}: {len(groups)}, {len(groups) - len(missing)} of them up to date{at_a_time}")
    jobs = min(jobs, len(missing))
    # Progress bars would overwrite each other. A number of threads in params.yaml takes precedence.
    environment = {"TQDM_DISABLE": "1", THREADS: str(threads_of_each("auto", jobs))} if jobs > 1 else {}
    if jobs == 1:
        # Nothing waits for a processor then, and every start of DVC takes seconds.
        missing = [[Part(tuple(stage for part in group for stage in part.stages))] for group in missing]
    commands = [
        # Single stages: processes that all check data.dvc, which they share, would block each other.
        _dvc(
            ["repro", "--single-item", *part.stages], environment,
            tuple(before * len(missing) + number for before in part.after),
        )
        for parts in zip(*missing, strict=True)
        for number, part in enumerate(parts)
    ]  # fmt: skip
    _run(commands, jobs)


def reproduce(*stages: str, alone: bool = False, pull: bool = False) -> None:
    """Run `dvc repro`.

    Parameters
    ----------
    stages : str
        Names of stages; all of dvc.yaml if none is given.
    alone : bool
        Do not check the stages that these depend on.
    pull : bool
        Take from the remote what other hosts have run and pushed.

    Raises
    ------
    StridorError
        If a stage failed.
    """
    options = [*(["--single-item"] if alone else []), *(["--pull"] if pull else [])]
    _run([_dvc(["repro", *options, *stages])])


def _dvc(
    arguments: Iterable[str], environment: Mapping[str, str] | None = None, after: tuple[int, ...] = ()
) -> Command:
    # DVC releases its lock while a stage runs; processes wait for each other only between stages.
    return Command(dvc_line("--wait-for-lock", *arguments), environment or {}, after)


def _run(commands: Sequence[Command], at_a_time: int = 1) -> None:
    drop_stale_locks(Path())
    if any(run_parallel(commands, at_a_time)):
        drop_half_copies(Path())
        raise StridorError(
            "DVC could not run all stages (see its message above); fix the cause and run the same command again, "
            "finished stages are kept."
        )
