"""Stage `register`: put a detector into the model registry and write what was registered."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.models.checkpoint import initial_encoder, save_encoder
from stridor.params import Params
from stridor.scoring.bank_files import EMBEDDINGS_FILE
from stridor.stages.layout import Layout, run_for_detector, write_json
from stridor.stages.systems import detector_system
from stridor.tracking.registry import register
from stridor.tracking.runs import find_training_run


def run(layout: Layout, params: Params) -> None:
    """Register encoders and reference banks of the detector; write `registered.json`.

    Raises
    ------
    StridorError
        If the detector has not been trained and indexed.
    """
    detector = layout.detector
    system = detector_system(params)
    banks = layout.banks / system
    if not (layout.encoder.exists() and banks.exists()):
        raise StridorError(f"The detector '{detector}' does not exist yet; run 'dvc repro index@{detector}' first.")
    # A detector of machines without test clips has no measures, but can be registered.
    metrics = json.loads(layout.metrics.read_text())[system] if layout.metrics.exists() else {}
    weights = file_md5(layout.encoder)
    with TemporaryDirectory() as folder:
        frozen = _write_frozen(Path(folder), params)
        version = register(detector, layout.encoder, banks, params, find_training_run(weights), metrics, frozen)
    print(f"stridor-{detector} version {version} is models:/stridor-{detector}@champion")
    # Without run id and version number: equal inputs must give an equal file.
    write_json(layout.registered, {
        "model": f"stridor-{detector}",
        "alias": "champion",
        "machines": list(params.detectors[detector].machines),
        "encoder_md5": weights,
        "banks_md5": {
            machine: file_md5(banks / machine / EMBEDDINGS_FILE)
            for machine in params.detectors[detector].machines
        },
        "hmean": metrics.get("hmean"),
    })  # fmt: skip


def _write_frozen(folder: Path, params: Params) -> Path | None:
    """Write the encoder that training started from, which may have no file of its own, if a view needs it."""
    if not any(view.encoder == "frozen" for view in params.bank.views):
        return None
    save_encoder(initial_encoder(params.encoder, params.seed), folder / "frozen.pt")
    return folder / "frozen.pt"


if __name__ == "__main__":
    run_for_detector(run)
