"""How a stage is started: `python -m stridor.stages.<stage> <detector>`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stridor.cores import settle_threads
from stridor.errors import one_sentence
from stridor.params import Params, read_params
from stridor.stages.places import Places
from stridor.whole import whole_file


def run_for_detector(stage: Callable[[Places, Params], None]) -> None:
    """Run a stage for the detector named on the command line, with the parameters that are its own."""
    with one_sentence():
        if len(sys.argv) != 2:
            raise SystemExit(f"usage: python -m stridor.stages.{Path(sys.argv[0]).stem} <detector>")
        detector = sys.argv[1]
        params = read_params().for_detector(detector)
        settle_threads(params.compute)
        stage(Places(detector), params)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a small record for people and DVC."""
    with whole_file(path) as beside:
        beside.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
