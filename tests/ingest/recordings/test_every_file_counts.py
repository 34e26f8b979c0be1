"""Random trees of folders: an import accounts for every audio file once, or is refused and changes nothing."""

import os
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from recordings import content
from stridor.audio.files import write_clip
from stridor.common.errors import StridorError
from stridor.ingest.recordings import Cutting, FolderNames, import_folder
from stridor.ingest.recordings.files import RECORDING_SUFFIXES

ROLES = ["normal", "Normal", "OK", "anomaly", "NG", "Abnormal", "noise", "clean"]
BELOW = ["", "", "source/", "Target/", "deep/er/", ".hidden/", "a b/", "normal/"]
STRANGE = ["gut/", "__MACOSX/", "plots/", "train/", ""]
FILES = ["a.wav", "b.WAV", "._a.wav", "c.wav", "notes.txt", "d.wav", "e.flac", "x.m4a", "é.wav"]


def tree(rng: random.Random, top: Path) -> None:
    """Write a folder of a few machines with some of everything that goes wrong."""
    odd = rng.choice([0, 0, 0.05, 0.2])
    for machine in rng.choice([["fan"], ["fan", "pump/id_00", "pump/id_02"], ["pump/id_00", "1e3"], ["", "fan"], [""]]):
        write(rng, top / machine / "normal" / "first.wav")
        write(rng, top / machine / "ok" / "second.wav")
        for _ in range(rng.randint(3, 12)):
            role = rng.choice(STRANGE) if rng.random() < odd else rng.choice(ROLES) + "/"
            below = rng.choice(BELOW if rng.random() < odd else BELOW[:5])
            write(rng, top / machine / role / below / rng.choice(FILES if rng.random() < 2 * odd else FILES[:4]))
    if rng.random() < 0.5:
        write(rng, top / "photos" / "deep" / "beep.wav")


def write(rng: random.Random, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() != ".wav":
        path.write_bytes(b"neither")
        return
    # Some are copies of each other, and some are silent.
    number = rng.choice([0, 1, *range(2, 2000)])
    wave = np.random.default_rng(number).uniform(-0.5, 0.5, 3200) * (number > 0)
    write_clip(path.with_suffix(".tmp"), wave)
    path.with_suffix(".tmp").rename(path)


@pytest.mark.slow
def test_every_audio_file_is_taken_cut_or_left_out_once(project, tmp_path):
    outcomes: Counter[str] = Counter()
    for seed in range(60):
        rng, source = random.Random(seed), tmp_path / "in" / str(seed)
        tree(rng, source)
        names = FolderNames(leave_out=("gut",) if rng.random() < 0.5 else ())
        there = {
            os.path.relpath(os.path.join(here, name), source)
            for here, _, files in os.walk(source)
            for name in files
            if os.path.splitext(name)[1].lower() in RECORDING_SUFFIXES
        }
        before = content(project)
        try:
            report = import_folder(
                source, project, fresh=True, names=names, cutting=Cutting(1, skip_unreadable=rng.random() < 0.8)
            )
        except StridorError as error:
            sentence = str(error)
            report = None
        if report is None:
            assert sentence.endswith(".")
            assert "\n" not in sentence
            assert content(project) == before
            outcomes["refused"] += 1
            continue
        files = report.files
        left_out = [one.origin for one in files.left_out]
        assert files.found == len(there)
        assert files.taken + files.cut + len(left_out) == len(there)
        assert len(set(left_out)) == len(left_out)
        assert set(left_out) <= there
        origins = {
            line.rpartition(",")[2]
            for table in (project / "data").glob("*/attributes_00.csv")
            for line in table.read_text().splitlines()[1:]
        }
        assert all(any(path.endswith(origin) for path in there - set(left_out)) for origin in origins)
        assert f"{len(there)} audio files were found" in report.text()
        outcomes["imported"] += 1
    assert min(outcomes["imported"], outcomes["refused"]) >= 10, outcomes
