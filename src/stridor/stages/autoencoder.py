"""Stage `autoencoder`: train the organisers' autoencoder on each of a detector's machines and log the runs."""

from pathlib import Path

from stridor.baselines.fit import Epoch
from stridor.baselines.machine import WEIGHTS_FILE, MachineAutoencoder
from stridor.common.atomic import atomic_folder
from stridor.common.compute import device_for
from stridor.common.digests import file_md5
from stridor.common.dvc import data_md5
from stridor.data.manifest import Clip, Manifest
from stridor.params import Params
from stridor.stages.layout import DATA, Layout, run_for_detector
from stridor.stages.systems import AUTOENCODERS, systems_of
from stridor.tracking.describe import DataVersion
from stridor.tracking.run import RunLog
from stridor.tracking.runs import autoencoder_run


def run(layout: Layout, params: Params) -> None:
    """Write `autoencoder/<machine>/`, or an empty folder if no autoencoder is among the baselines."""
    with atomic_folder(layout.autoencoders) as folder:
        if not AUTOENCODERS.keys() & set(systems_of(params)):
            print("no autoencoder among the baselines of params.yaml")
            return
        manifest = Manifest.read(layout.manifest)
        version = DataVersion(DATA.as_posix(), data_md5(DATA))
        for machine in manifest.machines:
            with autoencoder_run(layout.detector, machine, params, version) as log:
                _train(machine, manifest.select("train", machine), params, folder / machine, log)


def _train(machine: str, clips: list[Clip], params: Params, folder: Path, log: RunLog) -> None:
    last: list[Epoch] = []

    def on_epoch(epoch: Epoch) -> None:
        log.log_epoch(epoch.number, epoch.flat())
        last[:] = [epoch]

    fitted = MachineAutoencoder.fit(machine, clips, params, device_for(params.compute.accelerator), on_epoch)
    fitted.save(folder)
    log.log_folder(folder, "weights")
    log.tag_weights(file_md5(folder / WEIGHTS_FILE))
    thresholds = ", ".join(f"{kind} {calibration.threshold:.4g}" for kind, calibration in fitted.calibrations.items())
    losses = ", ".join(f"{name.removeprefix('loss/')} {value:.4g} dB²" for name, value in last[0].flat().items())
    print(f"{machine}: epoch {last[0].number}, mean squared error: {losses}; thresholds: {thresholds}")


if __name__ == "__main__":
    run_for_detector(run)
