"""Stages that are not up to date, run by several DVC processes beside each other."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from stridor.common.compute import THREADS, cores
from stridor.common.dvc import dvc_line
from stridor.common.errors import StridorError
from stridor.pipeline.processes import Command, run_together


def run_stale(
    name: str, groups: Sequence[Sequence[str]], stale: set[str], jobs: int, say: Callable[[str], object] = print
) -> None:
    """Run the groups that have a stage which is not up to date.

    Parameters
    ----------
    name : str
        What a group is, to be said.
    groups : sequence of sequences of str
        Names of stages, in the order in which they need each other. Groups must not need each other.
    stale : set of str
    jobs : int
        Groups at a time.

    Raises
    ------
    StridorError
        If a stage failed; all other groups are run first.
    """
    missing = [group for group in groups if not stale.isdisjoint(group)]
    at_a_time = f"; {jobs} at a time" if missing else ""
    say(f"{name}: {len(groups)}, {len(groups) - len(missing)} of them up to date{at_a_time}")
    jobs = min(jobs, len(missing))
    # Progress bars would overwrite each other. Where params.yaml has a number of threads, that one counts.
    environment = {"TQDM_DISABLE": "1", THREADS: str(max(cores() // jobs, 1))} if jobs > 1 else {}
    # Each stage by itself: looking at data.dvc, which they share, one process would stop the other.
    _run([_dvc(["repro", "--single-item", *group], environment) for group in missing], jobs)


def reproduce(*stages: str, alone: bool = False) -> None:
    """Run `dvc repro`.

    Parameters
    ----------
    stages : str
        All of dvc.yaml if none is named.
    alone : bool
        Do not look at what the stages need.

    Raises
    ------
    StridorError
        If a stage failed.
    """
    _run([_dvc(["repro", *(["--single-item"] if alone else []), *stages])])


def _dvc(arguments: Iterable[str], environment: Mapping[str, str] | None = None) -> Command:
    # DVC lets go of its lock while a stage runs; only between stages one process waits for another.
    return Command(dvc_line("--wait-for-lock", *arguments), environment or {})


def _run(commands: Sequence[Command], at_a_time: int = 1) -> None:
    if any(run_together(commands, at_a_time)):
        raise StridorError(
            "DVC could not run all stages (its reason stands above); mend it and run the same command again, what has "
            "been finished is kept."
        )
