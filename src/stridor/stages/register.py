"""Stage `register`: put a detector into the model registry and write what was registered."""

import json

from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.params import Params
from stridor.scoring.bank import EMBEDDINGS_FILE
from stridor.stages.layout import Layout, run_for_detector, write_json
from stridor.stages.systems import FINE_TUNED
from stridor.tracking.registry import register
from stridor.tracking.runs import find_training_run


def run(layout: Layout, params: Params) -> None:
    """Register encoder and reference banks of the fine-tuned system; write `registered.json`.

    Raises
    ------
    StridorError
        If the detector has not been trained and indexed.
    """
    detector = layout.detector
    banks = layout.banks / FINE_TUNED
    if not (layout.encoder.exists() and banks.exists()):
        raise StridorError(f"The detector '{detector}' does not exist yet; run 'dvc repro index@{detector}' first.")
    # A detector of machines without test clips has no measures, but can be registered.
    metrics = json.loads(layout.metrics.read_text())[FINE_TUNED] if layout.metrics.exists() else {}
    weights = file_md5(layout.encoder)
    version = register(detector, layout.encoder, banks, params, find_training_run(weights), metrics)
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


if __name__ == "__main__":
    run_for_detector(run)
