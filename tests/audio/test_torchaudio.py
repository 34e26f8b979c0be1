"""The import of torchaudio with and without its compiled extension."""

import subprocess
import sys

import pytest
import torch

from stridor.audio._torchaudio import torchaudio


def test_the_pure_python_parts_work():
    wave = torch.sin(torch.arange(4410) * 0.1)
    assert torchaudio.functional.resample(wave, 44100, 16000).shape == (1600,)
    features = torchaudio.compliance.kaldi.fbank(wave[None], num_mel_bins=128, sample_frequency=16000)
    assert features.shape == (26, 128)


BROKEN_EXTENSION = """
import importlib.abc, importlib.util, sys

class Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "torchaudio._extension" else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        raise {error}

sys.meta_path.insert(0, Broken())
from stridor.audio._torchaudio import torchaudio
import torch
assert torchaudio.functional.resample(torch.zeros(480), 48000, 16000).shape == (160,)
"""


@pytest.mark.slow
def test_an_extension_that_does_not_load_is_done_without():
    program = BROKEN_EXTENSION.format(error="OSError('libc10_cuda.so: cannot open shared object file')")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_other_failures_are_not_hidden():
    program = BROKEN_EXTENSION.format(error="ImportError('a part is missing')")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode != 0
    assert "a part is missing" in done.stderr
