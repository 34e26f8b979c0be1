"""Stage `train`: fine-tune a detector's encoder in two stages and log the run."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from stridor.common.atomic import atomic_file, atomic_folder
from stridor.common.digests import file_md5
from stridor.common.dvc import data_md5
from stridor.common.saving import save_tensors
from stridor.data.augment import read_pairs
from stridor.data.interferers import read_recordings
from stridor.data.manifest import Manifest
from stridor.models.checkpoint import initial_encoder, save_encoder
from stridor.models.encoder import Encoder, check_layer
from stridor.models.side import adapted
from stridor.params import TRAINING_SECTIONS, Params
from stridor.params.sections import NO_CHECKPOINT
from stridor.stages.layout import DATA, Layout, run_for_detector, write_json
from stridor.tracking.runs import DataVersion, RunLog, no_run, training_run
from stridor.training.fit import Epoch, FineTuned, check_trainable, fine_tune, make_fabric
from stridor.training.picture import separation_picture
from stridor.training.resume import ResumeFolder
from stridor.training.triples import TrainingSet, training_set


@dataclass(frozen=True)
class TrainingHooks:
    """Additions to a training run, for studies and variants.

    Attributes
    ----------
    tags : mapping of str to str
        Tags of the MLflow run, in addition to those of every run.
    on_start : callable
        Called with the id of the run.
    on_epoch : callable
        Called after every new epoch, with the current encoder; an exception ends the training.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    on_start: Callable[[str | None], None] = lambda run_id: None
    on_epoch: Callable[[Epoch, Encoder], None] = lambda epoch, encoder: None


def run(layout: Layout, params: Params, hooks: TrainingHooks | None = None) -> None:
    """Write `encoder/`, `curves.csv` and `separation.json`, and log one run with all metrics."""
    hooks = hooks or TrainingHooks()
    recordings = read_recordings(layout.augmented)
    data = training_set(Manifest.read(layout.manifest), read_pairs(layout.augmented), params, recordings)
    encoder = adapted(initial_encoder(params.encoder, params.seed), params.encoder, params.seed)
    # Before the run starts, which would be left as failed.
    check_trainable(encoder, data, params)
    check_layer(encoder, params.embedding)  # now, and not in the next stage, hours later
    fabric = make_fabric(params.compute, params.training.precision)
    fabric.launch()
    resume = ResumeFolder(layout.resume, _inputs(layout, params))
    version = DataVersion(DATA.as_posix(), data_md5(DATA))
    # With several processes, only the first one prints, logs and writes.
    first = fabric.is_global_zero
    tracked = training_run(layout.detector, params, version, resume.run_id, hooks.tags) if first else no_run()
    with tracked as log:
        resume.run_id = log.run_id
        hooks.on_start(log.run_id)

        def on_epoch(epoch: Epoch, encoder: Encoder) -> None:
            log.log_epoch(epoch.number, epoch.flat())
            if first:
                print(f"{layout.detector}, {_line(epoch)}, {_time_left(epoch, data, params)}", flush=True)
            hooks.on_epoch(epoch, encoder)

        tuned = fine_tune(encoder, data, params, fabric, resume, on_epoch)
        if first:
            # What resumes stays until the next stage: killed before DVC has recorded the outputs, it is not lost.
            layout.finished.touch()
            _write(tuned, data, params, layout, log)


def _write(tuned: FineTuned, data: TrainingSet, params: Params, layout: Layout, log: RunLog) -> None:
    separation = tuned.epochs[-1].separation if tuned.epochs else []
    with atomic_folder(layout.trained) as folder:
        save_encoder(tuned.encoder, folder / layout.encoder.name)
        if tuned.after_stage_one is not None:
            save_encoder(tuned.after_stage_one, folder / layout.stage_one.name)
        save_tensors(tuned.separator.state_dict(), folder / layout.separator.name)
    _write_curves(tuned.epochs, layout.curves)
    write_json(layout.separation, {
        f"{one.machine} at {one.snr_db:+.0f} dB": {
            key: round(value, 3) for key, value in asdict(one).items() if key.endswith("_db") and key != "snr_db"
        } | {"learnt": one.learnt}
        for one in separation
    })  # fmt: skip
    for one in separation:
        if not one.learnt:
            print(
                f"{one.machine} at {one.snr_db:+.0f} dB: the separation task has not been learnt; the estimate is "
                f"{one.estimate_db:.1f} dB from the target, the mixture {one.mixture_db:.1f} dB, the mean spectrum "
                f"{one.mean_spectrum_db:.1f} dB."
            )
    log.tag_separation(all(one.learnt for one in separation) if separation else None)
    if data.held_out and tuned.encoder.trainable:
        log.log_figure(separation_picture(tuned.encoder, tuned.separator, data, params), "figures/separation.png")
    log.log_folder(layout.trained, "weights")
    log.tag_weights(file_md5(layout.encoder))


def _write_curves(epochs: list[Epoch], path: Path) -> None:
    # With times, the file would differ between runs with the same weights, and later stages would run again.
    rows = [{"epoch": e.number, "stage": e.stage} | e.flat() for e in epochs]
    table = pd.DataFrame(rows).drop(columns="clips_per_second", errors="ignore")
    with atomic_file(path) as temporary:
        table.round(6).to_csv(temporary, index=False, lineterminator="\n")


def _inputs(layout: Layout, params: Params) -> str:
    """Return what a resumed training must find unchanged."""
    checkpoint = "" if params.encoder.checkpoint == NO_CHECKPOINT else file_md5(Path(params.encoder.checkpoint))
    tables = [file_md5(path) for path in sorted(layout.augmented.glob("*.csv"))]
    learnt_from = params.model_dump(include=set(TRAINING_SECTIONS))
    return json.dumps([learnt_from, file_md5(layout.manifest), tables, checkpoint])


def _time_left(epoch: Epoch, data: TrainingSet, params: Params) -> str:
    """Estimate the remaining time of both stages from the speed of the latest epoch."""
    epochs_left = params.training.stage_one.epochs + params.training.stage_two.epochs - epoch.number
    seconds = epochs_left * len(data.examples) / epoch.metrics["clips_per_second"]
    return f"about {seconds / 3600:.1f} h left" if seconds >= 3600 else f"about {math.ceil(seconds / 60)} min left"


def _line(epoch: Epoch) -> str:
    metrics = epoch.flat()
    gains = [f"{value:+.1f}" for name, value in metrics.items() if "gain_over_mean_spectrum" in name]
    held_out = f", closer than the mean spectrum by {'/'.join(gains)} dB" if gains else ""
    return (
        f"epoch {epoch.number:3d} (stage {epoch.stage}): loss {metrics['loss/total']:.4f}{held_out}, "
        f"{metrics['clips_per_second']:.0f} clips/s"
    )


if __name__ == "__main__":
    run_for_detector(run)
