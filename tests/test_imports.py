"""What a command or a stage does not import: each of these packages takes from half a second to seconds."""

import json
import subprocess
import sys

import pytest

from tiny import write_pump

HEAVY = {"torch", "torchaudio", "pandas", "scipy", "sklearn", "mlflow", "matplotlib", "optuna", "dvc"}
REPORT = "\nimport json, sys; print(json.dumps([name for name in sys.modules if '.' not in name]))"


def imported(code: str, cwd=None) -> set[str]:
    """Name the heavy packages that a process has imported by the end of some code."""
    done = subprocess.run([sys.executable, "-c", code + REPORT], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return HEAVY & set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("modules", "allowed"),
    [
        (("stridor", "stridor.cli.main", "stridor.common.dvc", "stridor.pipeline.repro"), set()),
        (("stridor.stages.augment",), set()),
        (("stridor.stages.summary",), {"pandas"}),
        (
            (
                "stridor.stages.index",
                "stridor.stages.autoencoder",
                "stridor.stages.register",
                "stridor.serving.detector",
            ),
            {"torch"},
        ),
    ],
)
def test_modules_import_no_more_than_they_need(modules, allowed):
    assert imported("\n".join(f"import {module}" for module in modules)) <= allowed


def test_augmenting_needs_nothing_heavy(tmp_path):
    write_pump(tmp_path)
    (tmp_path / "params.yaml").write_text("detectors:\n  pump:\n    machines: [pump]\naugment:\n  variants: 1\n")
    code = """
from stridor.params import read_params
from stridor.stages.augment import run
from stridor.stages.layout import Layout
run(Layout("pump"), read_params().for_detector("pump"))
"""
    assert imported(code, cwd=tmp_path) == set()
    assert len(list((tmp_path / "artifacts/pump/augmented/pump").iterdir())) == 3
