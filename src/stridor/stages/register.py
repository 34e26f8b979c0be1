"""Stage `register`: put a detector into the model registry and leave a record of what it holds."""

import json

from stridor.digests import file_md5
from stridor.errors import StridorError
from stridor.params import Params
from stridor.scoring.bank import EMBEDDINGS_FILE
from stridor.stages.entry import run_for_detector, write_json
from stridor.stages.places import Places
from stridor.stages.systems import FINE_TUNED
from stridor.tracking.registry import register
from stridor.tracking.runs import find_training_run


def run(places: Places, params: Params) -> None:
    """Register encoder and reference banks of the fine-tuned system; write `registered.json`.

    Raises
    ------
    StridorError
        If the detector has not been trained and indexed.
    """
    detector = places.detector
    banks = places.banks / FINE_TUNED
    if not (places.encoder.exists() and banks.exists()):
        raise StridorError(f"The detector '{detector}' is not there yet; run 'dvc repro index@{detector}' first.")
    # Machines without test clips have no measures, and are worth listening to all the same.
    metrics = json.loads(places.metrics.read_text())[FINE_TUNED] if places.metrics.exists() else {}
    weights = file_md5(places.encoder)
    version = register(detector, places.encoder, banks, params, find_training_run(weights), metrics)
    print(f"stridor-{detector} version {version} is models:/stridor-{detector}@champion")
    # No run id and no version number: the record must be the same whenever its inputs are.
    write_json(places.registered, {
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
