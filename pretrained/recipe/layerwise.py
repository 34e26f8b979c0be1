"""Make mn_mini: teach a network of mn04's form every stage of it, on recordings that may be used.

    python pretrained/recipe/layerwise.py --teacher mn04_as_mAP_432.pt --esc10 ESC10 --machines MACHINES \
        --also MORE --out pretrained/mn_mini.pt

First each stage learns by itself what the teacher's makes of the teacher's own input, then all learn together, each
from what the stage before it says, and in the end nothing of the teacher is needed.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import click
import torch
from mn04 import load_mn04
from pretrain import PATH, esc10_files
from torch import Tensor, nn
from torch.utils.data import DataLoader

from stridor.common.atomic import atomic_file
from stridor.common.errors import one_sentence
from stridor.common.seeds import seed_for
from stridor.distillation.augmentation import Augmentation
from stridor.distillation.fit import Batches, learning_rate
from stridor.distillation.params import DistillParams
from stridor.distillation.recordings import Recordings, audio_files
from stridor.distillation.task import relational_distance
from stridor.models.checkpoint import save_encoder
from stridor.models.mn04 import Mn04

# A channel of the teacher that hardly varies counts no more than one with this share of the mean deviation.
LEAST_DEVIATION = 0.05
# Half-life of the averaged weights, in steps.
AVERAGED_STEPS = 100


class Lesson(nn.Module):
    """A student of mn04's form, and the distance of each of its stages from the teacher's.

    Parameters
    ----------
    teacher : Mn04
        With the published weights.
    seed : int
        Of the student's first weights.
    """

    def __init__(self, teacher: Mn04, seed: int) -> None:
        super().__init__()
        self.teacher = teacher.eval().requires_grad_(False)
        self.student = Mn04().with_random_weights(seed).requires_grad_(True)
        self.deviations: list[Tensor] = []

    @torch.no_grad()
    def hear(self, wave: Tensor) -> list[Tensor]:
        """Return the image of waves `[B x T]` and what the teacher's stages make of it, one after the other."""
        heard = [self.teacher.image(wave).transpose(1, 2)[:, None]]
        for stage in self.teacher.features:
            heard.append(stage(heard[-1]))
        return heard

    def standardise(self, batches: Iterator[Tensor]) -> None:
        """Measure how much each channel of the teacher's stages varies, over a few batches of waves."""
        moments: list[list[tuple[Tensor, Tensor]]] = []
        for wave in batches:
            told = self.hear(wave)[1:]
            moments.append([(one.mean((0, 2, 3)), one.square().mean((0, 2, 3))) for one in told])
        for stage in zip(*moments, strict=True):
            mean, square = (torch.stack(part).mean(0) for part in zip(*stage, strict=True))
            deviation = (square - mean.square()).clamp_min(0).sqrt()
            self.deviations.append(deviation.clamp_min(LEAST_DEVIATION * deviation.mean())[:, None, None])

    def losses(self, wave: Tensor, together: bool) -> tuple[Tensor, Tensor]:
        """Return how far each stage is from the teacher's, `[stages]`, and the relation of the clips' mean maps.

        Parameters
        ----------
        wave : Tensor[B x T]
        together : bool
            Whether a stage gets what the student's stage before it says, in place of what the teacher's says.
        """
        told = self.hear(wave)
        errors, said = [], told[0]
        for number, stage in enumerate(self.student.features):
            said = stage(said if together else told[number])
            errors.append(((said - told[number + 1]) / self.deviations[number]).square().mean())
        relation = relational_distance(said.mean((2, 3)), told[-1].mean((2, 3)))
        return torch.stack(errors), relation


@torch.no_grad()
def average(averaged: Mn04, student: Mn04, step: int) -> None:
    """Move the averaged weights towards the student's."""
    keep = min(0.5 ** (1 / AVERAGED_STEPS), step / (step + 10))
    for mean, now in zip(averaged.parameters(), student.parameters(), strict=True):
        mean.lerp_(now, 1 - keep)


def save(student: Mn04, path: Path) -> None:
    """Write the student in half precision."""
    with atomic_file(path) as beside:
        save_encoder(student, beside, torch.float16)


@click.command()
@click.option("--teacher", required=True, type=PATH, help="Weights of mn04.")
@click.option("--esc10", required=True, type=PATH, help="Folder of ESC-10; fold 5 is kept out.")
@click.option("--machines", required=True, type=PATH, help="Folder that machines.py has filled.")
@click.option("--also", multiple=True, type=PATH, help="Further folders of openly licensed recordings.")
@click.option("--out", required=True, type=PATH)
@click.option("--alone", default=500, show_default=True, type=click.IntRange(1), help="Steps of the stages alone.")
@click.option("--together", default=1000, show_default=True, type=click.IntRange(1), help="Steps of all together.")
@click.option("--batch-size", default=8, show_default=True, type=click.IntRange(2))
@click.option("--seconds", default=4.0, show_default=True, type=click.FloatRange(1.0))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1))
def main(
    teacher: Path, esc10: Path, machines: Path, also: tuple[Path, ...], out: Path, alone: int, together: int,
    batch_size: int, seconds: float, seed: int, threads: int,
) -> None:  # fmt: skip
    """Make mn_mini."""
    with one_sentence():
        torch.set_num_threads(threads)
        recordings = Recordings([esc10_files(esc10), audio_files(machines), *map(audio_files, also)])
        lesson = Lesson(load_mn04(teacher).encoder, seed_for(seed, "student"))
        print(f"{len(recordings.files)} recordings", flush=True)
        first = 0
        for joint, steps, rate in ((False, alone, 3e-3), (True, together, 1e-3)):
            params = DistillParams(
                steps=steps, learning_rate=rate, batch_size=batch_size, seconds=seconds, seed=seed, report_steps=25
            )
            teach(lesson, Batches(recordings, params), first, joint, out)
            first += steps


def teach(lesson: Lesson, batches: Batches, first: int, together: bool, out: Path) -> None:
    """Teach for as many steps as the parameters of the batches say, and write the averaged student."""
    params, augmentation = batches.params, Augmentation()

    def waves(numbers: range) -> Iterator[Tensor]:
        loader = DataLoader(batches, batch_size=None, sampler=numbers)
        for number, crops in zip(numbers, loader, strict=True):
            yield augmentation(crops, seed_for(params.seed, "augmentation", number, 0))

    if not lesson.deviations:
        lesson.standardise(waves(range(-params.statistics_batches, 0)))
    optimiser = torch.optim.Adam(lesson.student.parameters(), lr=params.learning_rate)
    averaged = Mn04()
    averaged.load_state_dict(lesson.student.state_dict())
    started, sums = time.perf_counter(), torch.zeros(len(lesson.deviations) + 1)
    for step, wave in enumerate(waves(range(first + 1, first + params.steps + 1)), start=1):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, params)
        errors, relation = lesson.losses(wave, together)
        loss = errors.sum() + (params.relation_weight * relation if together else 0)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(lesson.student.parameters(), 10 * params.gradient_clip)
        optimiser.step()
        average(averaged, lesson.student, step)
        sums += torch.cat([errors, relation[None]]).detach()
        if step % params.report_steps == 0 or step == params.steps:
            mean = sums / ((step - 1) % params.report_steps + 1)
            stages = " ".join(f"{error:.3f}" for error in mean[:-1])
            seconds = (time.perf_counter() - started) / step
            print(f"step {first + step}: stages {stages}; relation {mean[-1]:.5f}; {seconds:.2f} s a step", flush=True)
            sums.zero_()
            save(averaged, out)
    lesson.student.load_state_dict(averaged.state_dict())


if __name__ == "__main__":
    main()
