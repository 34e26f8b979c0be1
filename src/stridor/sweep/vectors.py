"""Vectors of a machine's clips for every layer and pooling, as they lie on disk."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stridor.data.names import parse_clip_name
from stridor.errors import StridorError

POOLED = Path("sweep/pooled")


@dataclass(frozen=True, eq=False)
class MachineVectors:
    """What one encoder says of a machine's normal training clips and its test clips.

    Attributes
    ----------
    machine : str
    train_names, test_names : tuple of R and N str
        File names.
    train, test : mapping of (layer, pooling) to float32 [R x D] and [N x D]
    """

    machine: str
    train_names: tuple[str, ...]
    test_names: tuple[str, ...]
    train: Mapping[tuple[int, str], NDArray[np.float32]]
    test: Mapping[tuple[int, str], NDArray[np.float32]]

    @property
    def train_domains(self) -> list[str]:
        """Domains of the training clips; a clip whose name hides it counts as source."""
        return [parse_clip_name(name, "train").domain or "source" for name in self.train_names]

    def save(self, folder: Path) -> None:
        """Write `<machine>.npz` into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {
            f"{split}/{layer}/{pooling}": values
            for split, of_split in (("train", self.train), ("test", self.test))
            for (layer, pooling), values in of_split.items()
        }
        np.savez(
            folder / f"{self.machine}.npz",
            train_names=np.array(self.train_names),
            test_names=np.array(self.test_names),
            **arrays,
        )

    @classmethod
    def load(cls, folder: Path, machine: str) -> "MachineVectors":
        """Read what `save` wrote.

        Raises
        ------
        StridorError
            If it is not there or cannot be read.
        """
        path = folder / f"{machine}.npz"
        try:
            with np.load(path, allow_pickle=False) as arrays:
                names = {split: tuple(arrays[f"{split}_names"].tolist()) for split in ("train", "test")}
                vectors: dict[str, dict[tuple[int, str], NDArray[np.float32]]] = {"train": {}, "test": {}}
                for key in arrays.files:
                    split, *way = key.split("/")
                    if way:
                        vectors[split][int(way[0]), way[1]] = arrays[key]
        except FileNotFoundError:
            raise StridorError(f"{path} is missing; run 'make sweep' so that the clips are embedded.") from None
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise StridorError(f"{path} cannot be read ({error}); remove it and run 'make sweep' again.") from None
        return cls(machine, names["train"], names["test"], vectors["train"], vectors["test"])
