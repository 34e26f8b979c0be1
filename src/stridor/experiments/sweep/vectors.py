"""Embeddings of a machine's clips on disk, for every layer and pooling."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stridor.common.array_file import read_array
from stridor.common.errors import StridorError
from stridor.common.saving import save_array
from stridor.data.names import Domain, parse_clip_name

POOLED = Path("experiments/sweep/pooled")
# One .npy file per array, as in a reference bank: the bytes of .npz depend on the version of Python.
NAMES_FILE = "names.json"


@dataclass(frozen=True, eq=False)
class MachineVectors:
    """Embeddings of a machine's normal training clips and of its test clips, by one encoder.

    Attributes
    ----------
    machine : str
    train_names, test_names : tuple of R and N str
        File names.
    train, test : mapping of (layer, pooling) to float32 [R x D] and [N x D]
    faulty : mapping of (layer, pooling) to float32 [F x D]
        Normal training clips with injected faults, as `FaultyClips.plan` plans them; empty where the clips are too few.
    """

    machine: str
    train_names: tuple[str, ...]
    test_names: tuple[str, ...]
    train: Mapping[tuple[int, str], NDArray[np.float32]]
    test: Mapping[tuple[int, str], NDArray[np.float32]]
    faulty: Mapping[tuple[int, str], NDArray[np.float32]] = field(default_factory=dict)

    @property
    def train_domains(self) -> list[Domain]:
        """Domains of the training clips; a clip whose name does not contain it counts as source."""
        return [parse_clip_name(name, "train").domain or "source" for name in self.train_names]

    def save(self, folder: Path) -> None:
        """Write `<machine>/` into a folder: names.json, and one .npy file per split, layer and pooling."""
        own = folder / self.machine
        own.mkdir(parents=True, exist_ok=True)
        names = {"train": self.train_names, "test": self.test_names}
        (own / NAMES_FILE).write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
        for split, embeddings in (("train", self.train), ("test", self.test), ("faulty", self.faulty)):
            for (layer, pooling), values in embeddings.items():
                save_array(values, own / f"{split}_{layer}_{pooling}.npy")

    @classmethod
    def load(cls, folder: Path, machine: str) -> "MachineVectors":
        """Read what `save` wrote.

        Raises
        ------
        StridorError
            If it is missing or cannot be read.
        """
        own = folder / machine
        try:
            names = json.loads((own / NAMES_FILE).read_text(encoding="utf-8"))
            parts = (_read(own, split) for split in ("train", "test", "faulty"))
            return cls(machine, tuple(names["train"]), tuple(names["test"]), *parts)
        except FileNotFoundError:
            raise StridorError(f"{own} is missing; run 'make sweep' to embed the clips.") from None
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise StridorError(f"{own} cannot be read ({error}); remove it and run 'make sweep' again.") from None


def _read(folder: Path, split: str) -> dict[tuple[int, str], NDArray[np.float32]]:
    vectors = {}
    for path in sorted(folder.glob(f"{split}_*.npy")):
        # Names of poolings may hold the sign as well: train_-1_mean_std.
        _, layer, pooling = path.stem.split("_", 2)
        vectors[int(layer), pooling] = read_array(path)
    return vectors
