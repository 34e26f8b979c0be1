"""Sounds of Debian packages for pre-training: noises of games and instruments, without music and speech.

apt-get download minetest-data torcs-data ...       # pretrained/README.md has the list and the licences
python pretrained/recipe/packages.py --out FOLDER *.deb
"""

import hashlib
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

import click
import numpy as np
from tqdm import tqdm

from stridor.audio.files import SAMPLE_RATE_HZ, read_clip, write_clip
from stridor.common.errors import StridorError, one_sentence
from stridor.data.names import AUDIO_SUFFIXES

PATH = click.Path(path_type=Path)
# What a folder or a file with one of these words contains is music or speech.
LEFT_OUT = re.compile("music|voice|speech|/songs?/", re.IGNORECASE)
SHORTEST_SECONDS, LONGEST_SECONDS = 0.1, 30.0
SILENT = 1e-4  # root mean square


def is_kept(name: str) -> bool:
    """Return whether a file of a package is a sound, by its path."""
    return PurePosixPath(name).suffix.lower() in AUDIO_SUFFIXES and not LEFT_OUT.search(name)


def sounds_in(archive: IO[bytes]) -> Iterator[np.ndarray]:
    """Yield the waves `[T]`, 16 kHz, of the sounds in a tar archive that are long and loud enough.

    Files that cannot be read are left out, and links.
    """
    with tarfile.open(fileobj=archive, mode="r|") as members, tempfile.TemporaryDirectory() as folder:
        for member in members:
            data = members.extractfile(member) if member.isfile() and is_kept(member.name) else None
            if data is None:
                continue
            path = Path(folder) / f"sound{PurePosixPath(member.name).suffix}"
            path.write_bytes(data.read())
            try:
                wave = read_clip(path)[: round(LONGEST_SECONDS * SAMPLE_RATE_HZ)]
            except StridorError:
                continue
            if len(wave) >= SHORTEST_SECONDS * SAMPLE_RATE_HZ and np.sqrt(np.mean(np.square(wave))) >= SILENT:
                yield wave


def write_sounds(package: Path, folder: Path) -> int:
    """Write the sounds of a package as WAV files, named by their content, and return how many there are.

    Raises
    ------
    StridorError
        If the file is not a Debian package.
    """
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            for wave in tqdm(sounds_in(process.stdout), desc=package.name, unit="sound", leave=False):
                name = hashlib.sha256(wave.tobytes()).hexdigest()[:16]
                write_clip(folder / f"{name}.wav", wave.clip(-1, 1))  # lossy formats go beyond full scale
        except tarfile.ReadError:
            raise StridorError(f"{package} is not a Debian package; give files of 'apt-get download'.") from None
    return sum(1 for _ in folder.glob("*.wav"))


@click.command()
@click.argument("packages", nargs=-1, required=True, type=PATH)
@click.option("--out", required=True, type=PATH, help="Folder for the sounds, in a folder for each package.")
def main(packages: tuple[Path, ...], out: Path) -> None:
    """Collect the sounds of Debian packages."""
    with one_sentence():
        for package in packages:
            count = write_sounds(package, out / package.name.split("_")[0])
            print(f"{package.name}: {count} sounds")


if __name__ == "__main__":
    main()
