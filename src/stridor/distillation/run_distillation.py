"""The command `stridor distill`: run a distillation, write the student's checkpoint and log an MLflow run."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from stridor.common.atomic import atomic_file
from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.common.seeds import seed_for
from stridor.distillation.fit import Report, distil
from stridor.distillation.params import DistillParams
from stridor.distillation.recordings import Recordings
from stridor.distillation.teacher import BeatsTeacher, Teacher
from stridor.models.beats import Beats, random_beats
from stridor.models.checkpoint import load_encoder, save_encoder
from stridor.models.config import PRESETS, BeatsConfig
from stridor.models.encoder import Encoder
from stridor.params.sections import ComputeParams
from stridor.tracking.describe import code_tags
from stridor.tracking.run import logged_run
from stridor.tracking.runs import DataVersion, no_run
from stridor.training.fit import make_fabric
from stridor.training.resume import ResumeFolder

EXPERIMENT = "stridor-distillation"


@dataclass(frozen=True)
class NamedTeacher:
    """A teacher and the file of its weights."""

    network: Teacher
    weights: Path


def beats_teacher(checkpoint: Path) -> NamedTeacher:
    """Return BEATs as a teacher.

    Raises
    ------
    StridorError
        If the checkpoint is missing or not a BEATs encoder.
    """
    if not checkpoint.is_file():
        raise StridorError(f"The teacher {checkpoint} is missing; give the path of a BEATs checkpoint.")
    encoder = load_encoder(checkpoint)
    if not isinstance(encoder, Beats):
        raise StridorError(
            f"The teacher {checkpoint} is an encoder of the family '{encoder.family}'; give the path of a BEATs "
            "checkpoint."
        )
    return NamedTeacher(BeatsTeacher(encoder), checkpoint)


def run(
    teacher: NamedTeacher,
    recordings: Recordings,
    params: DistillParams,
    out: Path,
    compute: ComputeParams | None = None,
    start: Path | None = None,
) -> None:
    """Write a student's checkpoint in half precision, and log one run with all metrics.

    Next to `out`, `.<name>.unfinished-distill/` contains the state of an unfinished distillation and `student.pt`, the
    student at the latest report; a call with the same inputs resumes it.

    Parameters
    ----------
    start : Path, optional
        Checkpoint of the student before the distillation; random weights if not given.

    Raises
    ------
    StridorError
        If `out` is a folder or the teacher itself, the checkpoint to start from is not a student of that size, or the
        loss is no longer finite.
    """
    if out.is_dir() or out.resolve() == teacher.weights.resolve():
        what = "a folder" if out.is_dir() else "the teacher"
        raise StridorError(f"{out} is {what}; give the name of a new file for the student.")
    compute = compute or ComputeParams()
    fabric = make_fabric(compute, params.precision)
    fabric.launch()
    # With several processes, only the first one prints, logs and writes.
    first = fabric.is_global_zero
    data = [DataVersion(*version) for version in _versions(recordings)]
    config = PRESETS[params.student]
    student = random_beats(config, seed_for(params.seed, "student")) if start is None else _earlier(start, config)
    values = params.model_dump() | {"teacher": teacher.weights.name, "teacher_md5": file_md5(teacher.weights)}
    if start is not None:
        values |= {"start": start.name, "start_md5": file_md5(start)}
    resume = ResumeFolder(unfinished(out), json.dumps([values, [version.digest for version in data]]))
    texts = {key: str(value) for key, value in values.items()}
    tracked = logged_run(f"distil {out.stem}", EXPERIMENT, texts, data, code_tags(), resume.run_id)
    with tracked if first else no_run() as log:
        resume.run_id = log.run_id

        def on_report(report: Report, student: Encoder) -> None:
            log.log_epoch(report.step, report.metrics)
            if first:
                print(_line(report, params), flush=True)
                _save(student, resume.folder / "student.pt")

        student.set_gradient_checkpointing(compute.gradient_checkpointing)
        taught = distil(student, teacher.network, recordings, params, fabric, resume, on_report, compute.loader_workers)
        if first:
            _save(taught, out)
            log.log_file(out, "weights")
            log.tag_weights(file_md5(out))
            resume.remove()


def unfinished(out: Path) -> Path:
    """Return the folder with the state of an unfinished distillation."""
    return out.parent / f".{out.stem}.unfinished-distill"


def _earlier(start: Path, config: BeatsConfig) -> Beats:
    encoder = load_encoder(start)
    if not isinstance(encoder, Beats) or encoder.config != config:
        raise StridorError(
            f"{start} is not a BEATs encoder of the student's size; give the checkpoint of an earlier student."
        )
    return encoder


def _save(student: Encoder, path: Path) -> None:
    with atomic_file(path) as temporary:
        save_encoder(student, temporary, torch.float16)


def _versions(recordings: Recordings) -> list[tuple[str, str]]:
    """Return, for every group of recordings, its folder and a digest of names and sizes."""
    versions = []
    for group in recordings.groups:
        text = "\n".join(f"{path.name} {path.stat().st_size}" for path in group)
        folder = Path(os.path.commonpath([path.parent for path in group]))
        versions.append((folder.as_posix(), hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()))
    return versions


def _line(report: Report, params: DistillParams) -> str:
    metrics = report.metrics
    return (
        f"step {report.step:5d}/{params.steps}: loss {metrics['loss/total']:.4f} (pooled {metrics['loss/pooled']:.4f}, "
        f"map {metrics['loss/map']:.4f}, tags {metrics['loss/tags']:.5f}, relation {metrics['loss/relation']:.4f}), "
        f"gradient {metrics['gradient_norm']:.2f}, learning rate {metrics['learning_rate']:.1e}, "
        f"{metrics['clips_per_second']:.1f} clips/s"
    )
