"""Noisy variants of the supplemental clips, and the table that pairs each with its original."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np

from stridor.audio.files import read_clip, write_clip
from stridor.audio.mixing import scale_to_snr
from stridor.common.atomic import atomic_folder
from stridor.common.errors import StridorError
from stridor.common.seeds import rng_for
from stridor.data.interferers import Recording, write_recordings
from stridor.data.manifest import Clip
from stridor.data.names import Kind
from stridor.data.tables import check_known, numbers_of, read_table, write_table
from stridor.params import Params
from stridor.params.sections import AugmentParams, FixedSnrs, SnrChoice

# PCM_16 represents -1 to 1 - 2^-15; a mixture with a higher peak is scaled down together with its target.
PEAK = 0.999


@dataclass(frozen=True)
class Pair:
    """A mixture on disk and the clip that it was made from.

    Attributes
    ----------
    mixture, original : str
        Paths relative to the project's root.
    gain : float
        Common factor of the mixture and its target: the mixture contains `gain` times the original.
    """

    mixture: str
    original: str
    machine: str
    kind: Kind | None
    variant: int
    snr_db: float
    gain: float


_COLUMNS = [field.name for field in fields(Pair)]
_NUMBERS = {"variant": int, "snr_db": float, "gain": float}


def draw_snr_db(choice: SnrChoice, rng: np.random.Generator) -> float:
    """Draw a signal-to-noise ratio from an interval or a list."""
    if isinstance(choice, FixedSnrs):
        return float(rng.choice(choice.fixed))
    return float(rng.uniform(choice.low_db, choice.high_db))


def augment(clips: list[Clip], params: Params, output: Path, recordings: Sequence[Recording] = ()) -> list[Pair]:
    """Mix every supplemental clip with Gaussian white noise, several times.

    Each draw has its own seed from (machine, clip name, variant), so it does not depend on the other clips.

    Parameters
    ----------
    clips : list of Clip
        Supplemental clips of either kind.
    params : Params
    output : Path
        Folder to be written, with `<machine>/<clip>_<variant>.wav` and `pairs.csv`.
    recordings : sequence of Recording
        Listed in its `interferers.csv`, if there are any.

    Raises
    ------
    StridorError
        If a clip is silent.
    """
    pairs = []
    with atomic_folder(output) as folder:
        for clip in clips:
            wave = read_clip(clip.path, params.audio.channel)
            for variant in range(1, params.augment.variants + 1):
                rng = rng_for(params.seed, "augment", clip.machine, clip.file_name, variant)
                mixture, snr_db, gain = mix_with_noise(wave, params.augment, rng, clip.path)
                name = Path(clip.machine) / f"{Path(clip.path).stem}_variant_{variant:02d}.wav"
                (folder / name).parent.mkdir(exist_ok=True)
                write_clip(folder / name, mixture)
                pairs.append(
                    Pair((output / name).as_posix(), clip.path, clip.machine, clip.kind, variant, snr_db, gain)
                )
        write_table(folder / "pairs.csv", _COLUMNS, (asdict(pair) for pair in pairs))
        if recordings:
            write_recordings(recordings, folder)
    return pairs


def mix_with_noise(
    wave: np.ndarray, params: AugmentParams, rng: np.random.Generator, name: str
) -> tuple[np.ndarray, float, float]:
    """Add Gaussian white noise to `wave [T]`; return the mixture [T], its SNR in dB and the common gain."""
    snr_db = draw_snr_db(params.snr_db, rng)
    mixture = wave + scale_to_snr(wave, rng.standard_normal(len(wave)), snr_db, name)
    gain = min(1.0, PEAK / float(np.abs(mixture).max()))
    return mixture * gain, snr_db, gain


def read_pairs(folder: Path) -> list[Pair]:
    """Read the table of pairs in the folder of augmented clips.

    Raises
    ------
    StridorError
        If it is missing or not such a table.
    """
    try:
        return [_pair_of(row) for row in read_table(folder / "pairs.csv", _COLUMNS)]
    except FileNotFoundError:
        raise StridorError(
            f"{folder / 'pairs.csv'} is missing; run 'dvc repro' so that the augment stage writes it."
        ) from None
    except ValueError as error:
        raise StridorError(
            f"{folder / 'pairs.csv'} is not a table of pairs ({error}); run 'dvc repro --force' so that the augment "
            "stage writes it again."
        ) from None


def _pair_of(row: dict[str, str]) -> Pair:
    check_known(row, "kind", ("", *get_args(Kind)))
    values: dict[str, Any] = row | numbers_of(row, _NUMBERS)
    return Pair(**values | {"kind": row["kind"] or None})
