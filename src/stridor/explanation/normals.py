"""The normal recordings that a detector learnt a machine from: where they are, and that they are the same."""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import torch

from stridor.audio.channels import channel_blocks, resampled
from stridor.audio.fbank import DECIBELS_PER_UNIT, Fbank
from stridor.audio.files import read_clip
from stridor.audio.opening import open_sound
from stridor.common.errors import StridorError
from stridor.common.project import project_root
from stridor.common.text import printable
from stridor.scoring.bank import Bank
from stridor.scoring.reference import MachineReference
from stridor.serving.detector import Detector
from stridor.serving.part_names import split_part_name

# More are not read: their spectra are kept in memory, and each is embedded once to check that it is the right one.
MOST_CLIPS, MOST_SECONDS = 64, 2000.0
FEWEST_CLIPS = 4
CLIPS_AT_A_TIME = 8
# Mean deviation of a recording's embedding from that in the bank, as a share of the deviation among the bank's: another
# recording is at 1 or so, the same one at 0 up to the rounding of another processor.
_SAME_SHARE, _ROUNDING = 0.05, 1e-4


@dataclass(frozen=True)
class Recorded:
    """Where a clip of the bank was recorded: a file, or the part of one that begins at a second."""

    path: Path
    start_seconds: float | None = None

    def read(self, channel: int | Literal["mean"], length_seconds: float) -> np.ndarray:
        """Return the clip, float32 [T] at 16 kHz; of a part, so many seconds.

        Raises
        ------
        StridorError
            If it cannot be read.
        """
        if self.start_seconds is None:
            return read_clip(self.path, channel)
        with warnings.catch_warnings(), open_sound(self.path) as recording:
            # It is not read from its start.
            warnings.simplefilter("ignore")
            rate_hz = recording.sound.samplerate
            recording.sound.seek(min(round(self.start_seconds * rate_hz), recording.sound.frames - 1))
            wanted, blocks = round(length_seconds * rate_hz), []
            for block in channel_blocks(recording, channel):
                blocks.append(block)
                if sum(map(len, blocks)) >= wanted:
                    break
            return resampled(np.concatenate(blocks)[:wanted], recording)


@dataclass(frozen=True, eq=False)
class Normal:
    """A normal recording of the bank.

    Attributes
    ----------
    row : int
        In the bank.
    image : float32 [T x 128]
        Log-mel image in decibels.
    """

    row: int
    image: np.ndarray


@torch.inference_mode()
def log_mel_db(wave: np.ndarray, fbank: Fbank) -> np.ndarray:
    """Return the log-mel image of a wave at 16 kHz `[T]` in decibels, float32 [frames x 128]."""
    image: np.ndarray = fbank(torch.from_numpy(np.asarray(wave, dtype=np.float32))[None])[0].numpy()
    return image * np.float32(DECIBELS_PER_UNIT)


def bank_of(detector: Detector, machine: str) -> Bank:
    """Return the reference bank of a machine.

    Raises
    ------
    StridorError
        If the detector has none.
    """
    reference = detector.references[machine]
    if not isinstance(reference, MachineReference):
        raise StridorError(
            f"The detector of '{machine}' is an autoencoder, which compares with no normal recordings and cannot be "
            "explained; set register.system in params.yaml to a system with a reference bank and register it."
        )
    return reference.bank


def find_normals(bank: Bank, machine: str, folder: Path | None = None) -> dict[str, Recorded]:
    """Find the recordings of a bank by their names, which are those of files, or paths below the folder.

    Parameters
    ----------
    bank : Bank
    machine : str
    folder : Path, optional
        Searched with all folders below it; `data/<machine>/train` of the project around the working directory if not
        given.

    Raises
    ------
    StridorError
        If fewer than four are there.
    """
    root = project_root()
    if folder is None and root is None:
        raise StridorError(
            "To explain, the normal recordings that the detector learnt from are needed, and here is no project with "
            "a folder data/ that has them; name their folder with --normals."
        )
    place = folder if folder is not None else Path(os.path.relpath(root or Path())) / "data" / machine / "train"
    files: dict[str, Path] = {}
    for below, folders, inside in os.walk(place):
        folders.sort()
        for file in sorted(inside):
            path = Path(below, file)
            files[path.relative_to(place).as_posix()] = path
            files.setdefault(file, path)
    found = {}
    names = set(bank.file_names_)
    for name in bank.file_names_:
        file, start_seconds = split_part_name(name)
        there = files.get(file) or files.get(PurePosixPath(file).name)
        if there is not None:
            found[name] = Recorded(there, start_seconds)
    if len(found) < FEWEST_CLIPS:
        raise StridorError(
            f"{printable(place)} holds {len(found) or 'none'} of the {len(names)} normal recordings that the detector "
            f"learnt '{machine}' from, and at least {FEWEST_CLIPS} are needed to explain; name their folder with "
            "--normals."
        )
    return found


def read_normals(detector: Detector, machine: str, paths: Mapping[str, Recorded]) -> list[Normal]:
    """Read recordings of a machine's bank; those that sound otherwise than the bank's are left out.

    Of many, some that are evenly spread over the bank are read.

    Raises
    ------
    StridorError
        If fewer than four are left, or one cannot be read.
    """
    bank = bank_of(detector, machine)
    rows = [row for row, name in enumerate(bank.file_names_) if name in paths]
    fbank = Fbank()
    normals: list[Normal] = []
    seconds = detector.window_seconds(machine)
    some = _spread(rows, max(FEWEST_CLIPS, min(MOST_CLIPS, int(MOST_SECONDS / seconds))))
    for first in range(0, len(some), CLIPS_AT_A_TIME):
        part = some[first : first + CLIPS_AT_A_TIME]
        places = [paths[bank.file_names_[row]] for row in part]
        waves = [place.read(detector.audio.channel, seconds) for place in places]
        same = _same(bank, part, detector.embedder.embed(waves, [printable(place.path) for place in places]))
        normals += [Normal(row, log_mel_db(wave, fbank)) for row, wave, is_same in zip(part, waves, same, strict=True)
                    if is_same]  # fmt: skip
    if len(normals) < FEWEST_CLIPS:
        raise StridorError(
            f"Of {len(some)} normal recordings of '{machine}' in {printable(places[0].path.parent)}, {len(normals)} "
            "are those that the detector learnt from, the others only have their names; name the folder of the right "
            "ones with --normals, or train and register the detector again."
        )
    return normals


def _spread(rows: Sequence[int], most: int) -> list[int]:
    """Return up to so many rows, evenly spread over all of them."""
    if len(rows) <= most:
        return list(rows)
    return [rows[int(index)] for index in np.linspace(0, len(rows) - 1, most)]


def _same(bank: Bank, rows: Sequence[int], embeddings: np.ndarray) -> list[bool]:
    """Tell which recordings are those of the bank: their embeddings are, up to rounding."""
    own = bank.embeddings_[list(rows)]
    deviation = np.abs(bank.embeddings_ - bank.embeddings_.mean(axis=0)).mean()
    limit = max(_SAME_SHARE * deviation, _ROUNDING)
    return [bool(off <= limit) for off in np.abs(embeddings - own).mean(axis=1)]
