"""Make beats_mini: teach a small BEATs what mn04 says of general sounds and of synthetic machines.

    python pretrained/recipe/machines.py --out MACHINES
    python pretrained/recipe/pretrain.py --teacher mn04_as_mAP_432.pt --esc10 ESC10 --machines MACHINES \
        --out pretrained/beats_mini.pt --minutes 240

Called again after a kill with the same arguments, it goes on from its latest report.
"""

import csv
import tempfile
import time
from pathlib import Path

import click
import torch
from lightning_fabric import Fabric
from mn04 import load_mn04

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError, one_sentence
from stridor.distillation.fit import distil
from stridor.distillation.params import DistillParams
from stridor.distillation.recordings import Recordings, audio_files
from stridor.distillation.run_distillation import NamedTeacher, run, unfinished
from stridor.distillation.teacher import Teacher
from stridor.models.beats import random_beats
from stridor.models.config import PRESETS
from stridor.params.sections import ComputeParams
from stridor.training.resume import ResumeFolder

KEPT_OUT_FOLD = "5"
PATH = click.Path(path_type=Path)


def esc10_files(folder: Path) -> list[Path]:
    """Return the clips of all folds but the one that is kept out for judging.

    Raises
    ------
    StridorError
        If the folder holds no meta.csv.
    """
    table = folder / "meta.csv"
    if not table.is_file():
        raise StridorError(f"{table} is missing; give the folder of ESC-10 with its table of file and fold.")
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [folder / row["file"] for row in rows if row["fold"] != KEPT_OUT_FOLD]


def steps_within(minutes: float, kept: Path, teacher: Teacher, recordings: Recordings, params: DistillParams) -> int:
    """Return how many steps the time allows at the speed measured now.

    A schedule has to know its length from the start, and a resumed one must have the same: the number is kept
    in a file, and once there, it stays.
    """
    if kept.exists():
        return int(kept.read_text())
    ends: list[float] = []
    trial = params.model_copy(update={"steps": 12, "report_steps": 4, "statistics_batches": 1})
    with tempfile.TemporaryDirectory() as folder:
        distil(
            random_beats(PRESETS[params.student], 0), teacher, recordings, trial, Fabric(accelerator="cpu"),
            ResumeFolder(Path(folder) / "trial", ""), lambda report, student: ends.append(time.perf_counter()),
        )  # fmt: skip
    # Memory is taken and files are read for the first time in the first four steps.
    seconds = (ends[-1] - ends[0]) / 8
    steps = max(1, int(minutes * 60 / seconds))
    print(f"{seconds:.2f} s a step: {steps} steps within {minutes:g} minutes", flush=True)
    with atomic_file(kept) as beside:
        beside.write_text(str(steps))
    return steps


@click.command()
@click.option("--teacher", required=True, type=PATH, help="Weights of mn04.")
@click.option("--esc10", required=True, type=PATH, help="Folder of ESC-10; fold 5 is kept out.")
@click.option("--machines", required=True, type=PATH, help="Folder that machines.py has filled.")
@click.option("--also", multiple=True, type=PATH, help="Further folders of openly licensed recordings.")
@click.option("--start", type=PATH, help="A student of an earlier lesson; random weights if not given.")
@click.option("--out", required=True, type=PATH)
@click.option("--steps", type=click.IntRange(1), help="Length of the schedule; 1500 if neither is given.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Its length by the speed at the start.")
@click.option("--batch-size", default=16, show_default=True, type=click.IntRange(2))
@click.option("--seconds", default=5.0, show_default=True, type=click.FloatRange(1.0))
@click.option("--learning-rate", default=8e-4, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1))
def main(
    teacher: Path, esc10: Path, machines: Path, also: tuple[Path, ...], start: Path | None, out: Path,
    steps: int | None, minutes: float | None, batch_size: int, seconds: float, learning_rate: float, seed: int,
    threads: int,
) -> None:  # fmt: skip
    """Make beats_mini."""
    with one_sentence():
        torch.set_num_threads(threads)
        named = NamedTeacher(load_mn04(teacher), teacher)
        recordings = Recordings([esc10_files(esc10), audio_files(machines), *map(audio_files, also)])
        params = DistillParams(
            steps=steps or 1500, batch_size=batch_size, seconds=seconds, learning_rate=learning_rate, seed=seed,
        )  # fmt: skip
        kept = out.parent / f".{out.stem}.unfinished-steps-within-{minutes}-minutes"
        if minutes and not steps:
            counted = steps_within(minutes, kept, named.network, recordings, params)
            params = params.model_copy(update={"steps": counted})
        print(f"{len(recordings.files)} recordings; the student so far: {unfinished(out) / 'student.pt'}", flush=True)
        run(named, recordings, params, out, ComputeParams(accelerator="cpu"), start)
        kept.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
