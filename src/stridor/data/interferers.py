"""What a machine's clips are mixed with: its noise, white noise, other machines, folders of recordings."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from stridor.audio.files import read_clip
from stridor.audio.mixing import fit_length
from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.common.seeds import rng_for
from stridor.data.manifest import audio_files
from stridor.data.names import AUDIO_SUFFIXES
from stridor.data.tables import read_table, write_table

TABLE = "interferers.csv"
# noise: the noisy variants of the machine's own noise clips, and white noise where there are none.
NOISE, WHITE, MACHINES = "noise", "white", "machines"
# Of one folder; more would add little and take long to look at.
MOST_RECORDINGS = 1000
# A stretch of a long recording may be silent.
_TRIES = 20


@dataclass(frozen=True)
class Recording:
    """A recording that machines are mixed with.

    Attributes
    ----------
    source : str
        The entry of `augment.interferers` that it stands for.
    machine : str
        The machine that it is a normal clip of, empty for a folder's. It is never mixed with its own machine.
    """

    source: str
    machine: str
    path: str
    md5: str


_COLUMNS = [field.name for field in fields(Recording)]


def list_recordings(sources: Iterable[str], machines: Iterable[str], data: Path, seed: int) -> list[Recording]:
    """List the recordings of other machines and of folders, up to 1000 of a folder, drawn by the seed.

    Parameters
    ----------
    sources : iterable of str
        `augment.interferers`.
    machines : iterable of str
        Those of the detector, each of which needs another machine.
    data : Path
        Folder with one folder per machine.

    Raises
    ------
    StridorError
        If there is no other machine, or a folder is missing or holds no recordings.
    """
    found = []
    for source in sources:
        if source in (NOISE, WHITE):
            continue
        if source == MACHINES:
            folders = {one.name: audio_files(one / "train") for one in sorted(data.iterdir())}
            folders = {name: paths for name, paths in folders.items() if paths}
            if lonely := [machine for machine in machines if not folders.keys() - {machine}]:
                raise StridorError(
                    f"augment.interferers asks for other machines, but {data} holds none but '{lonely[0]}'; add one "
                    f"or remove '{MACHINES}'."
                )
        else:
            folders = {"": _recordings_below(Path(source))}
        for machine, paths in folders.items():
            chosen = rng_for(seed, "interferers", source, machine).permutation(len(paths))[:MOST_RECORDINGS]
            found += [Recording(source, machine, paths[i].as_posix(), file_md5(paths[i])) for i in sorted(chosen)]
    return found


def _recordings_below(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise StridorError(
            f"augment.interferers names {folder}, which is not a folder; give {NOISE}, {WHITE}, {MACHINES} or the path "
            "of a folder with recordings."
        )
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file())
    if not paths:
        raise StridorError(f"augment.interferers names {folder}, which holds no recordings; add some or remove it.")
    return paths


def write_recordings(recordings: Iterable[Recording], folder: Path) -> None:
    """Write the recordings as `interferers.csv`."""
    write_table(folder / TABLE, _COLUMNS, (asdict(one) for one in recordings))


def read_recordings(folder: Path) -> list[Recording]:
    """Read what `write_recordings` has written, nothing if there is no such file.

    Raises
    ------
    StridorError
        If it is not such a table.
    """
    try:
        return [Recording(**row) for row in read_table(folder / TABLE, _COLUMNS)]
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise StridorError(
            f"{folder / TABLE} is not a table of recordings ({error}); run 'dvc repro --force' so that the augment "
            "stage writes it again."
        ) from None


class Interferers:
    """The interferers of a training.

    Parameters
    ----------
    sources : iterable of str
        `augment.interferers`.
    noise : mapping of str to sequence of str
        Augmented noise clips of each machine.
    recordings : iterable of Recording
        For the sources that are not `noise` or `white`; needed where something is drawn.
    """

    def __init__(
        self, sources: Iterable[str], noise: Mapping[str, tuple[str, ...]], recordings: Iterable[Recording] = ()
    ) -> None:
        self.sources = tuple(sources)
        recordings = tuple(recordings)
        self._paths: dict[tuple[str, str], tuple[str, ...]] = {}
        for source in self.sources:
            listed = [one for one in recordings if one.source == source]
            for machine in noise:
                others = tuple(one.path for one in listed if one.machine != machine)
                self._paths[source, machine] = noise[machine] if source == NOISE else others

    def paths(self, source: str, machine: str) -> tuple[str, ...]:
        """Return what a source has for a machine."""
        return self._paths[source, machine]

    def draw(self, machine: str, samples: int, rng: np.random.Generator) -> np.ndarray:
        """Draw a source, one of its recordings and a stretch of that, float32 [samples], 16 kHz; a short one repeats.

        Raises
        ------
        StridorError
            If a source has no recordings, one cannot be read, or all that was tried is silent.
        """
        # Of one source nothing is drawn, so that it is mixed as before there were several.
        source = self.sources[rng.integers(len(self.sources)) if len(self.sources) > 1 else 0]
        paths = self.paths(source, machine)
        if not paths and source not in (NOISE, WHITE):
            raise StridorError(
                f"No recordings are listed for '{source}' of augment.interferers; run 'dvc repro' so that the augment "
                "stage lists them."
            )
        if not paths:
            return rng.standard_normal(samples, dtype=np.float32)
        for _ in range(_TRIES):
            path = paths[rng.integers(len(paths))]
            recording = read_clip(path)
            wave = fit_length(recording, samples, int(rng.integers(len(recording))))
            if wave.any():
                return wave
        raise StridorError(f"{path} and other recordings to be mixed with {machine} are silent; remove them.")
