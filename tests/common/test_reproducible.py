"""The same bits whatever instruction sets a processor offers, tried by taking some away."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from stridor.common import reproducible
from stridor.common.errors import StridorError
from stridor.common.reproducible import variables
from stridor.params.sections import ComputeParams

x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the setting is for x86-64 processors")

# What the libraries see of the processor, besides their own settings: fewer instruction sets, as on an older one.
OLDER = {
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512CD,-AVX512DQ",
}
TRAIN = """
import hashlib, sys
import numpy as np, torch
from stridor.common.reproducible import start_again
if sys.argv[1:] == ["again"]:
    start_again()
torch.set_num_threads(1)
from stridor.models.separator import Separator
from stridor.params.sections import DecoderParams, TrainingParams
from stridor.training.loader import TripleBatch
from stridor.training.task import SeparationTask
from tiny import tiny_encoder
torch.manual_seed(0)
task = SeparationTask(tiny_encoder(), Separator(32, DecoderParams()), TrainingParams())
wave = torch.from_numpy(0.1 * np.random.default_rng(0).standard_normal((3, 8000)).astype(np.float32))
optimiser = torch.optim.AdamW(task.parameters(), lr=1e-3)
for _ in range(3):
    optimiser.zero_grad()
    task(TripleBatch(wave, wave, wave, torch.full((3,), 8000))).total.mean().backward()
    optimiser.step()
with torch.inference_mode():
    tokens = task.encoder(wave).last.numpy()
scores = np.exp(-tokens.reshape(3, -1).astype(float) @ tokens.reshape(3, -1).T)
print(hashlib.md5(b"".join(p.detach().numpy().tobytes() for p in task.parameters()) + scores.tobytes()).hexdigest())
"""


TESTS = Path(__file__).resolve().parents[1]


def trained(*arguments, **environment):
    """Return the digest of the weights and scores of a tiny training in a process of its own."""
    bare = {name: value for name, value in os.environ.items() if name not in variables()}
    line = [sys.executable, "-W", "error::RuntimeWarning", "-c", TRAIN, *arguments]
    bare["PYTHONPATH"] = str(TESTS)
    done = subprocess.run(line, env=bare | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
@x86
def test_weights_and_scores_are_the_same_with_fewer_instruction_sets():
    assert trained(**variables()) == trained(**variables(), **OLDER)


@pytest.mark.slow
@x86
def test_a_process_starts_again_with_its_command_line_and_once_only():
    assert trained("again", ATEN_CPU_CAPABILITY="default") == trained("again", **variables())


def test_processors_of_another_kind_are_refused(monkeypatch):
    monkeypatch.setattr(reproducible.platform, "machine", lambda: "aarch64")
    with pytest.raises(StridorError, match=r"compute\.reproducible is true.*not aarch64"):
        variables()


@pytest.mark.parametrize("options", [{"threads": "auto", "accelerator": "cpu"}, {"threads": 1, "accelerator": "auto"}])
def test_threads_and_processor_must_be_settled(options):
    with pytest.raises(ValueError, match="a number of threads and the accelerator cpu"):
        ComputeParams(reproducible=True, **options)
    assert ComputeParams(reproducible=True, threads=2, accelerator="cpu").reproducible
