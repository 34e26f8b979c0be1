"""The files of a bank: its embeddings, and a description with its parameters and its clips."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from stridor.common.array_file import read_array
from stridor.common.atomic import atomic_folder
from stridor.common.errors import DAMAGED, StridorError
from stridor.common.saving import save_array
from stridor.data.names import Domain
from stridor.params.scoring_sections import SHRINKAGE, BankParams

# Not .npz, whose bytes depend on the version of Python: DVC runs stages again when bytes change.
EMBEDDINGS_FILE = "embeddings.npy"
DESCRIPTION_FILE = "bank.json"


def write_bank(folder: Path, embeddings: NDArray[np.float64], description: Mapping[str, Any]) -> None:
    """Write embeddings `[R x D]` and a description to a folder; equal banks give equal bytes."""
    with atomic_folder(folder) as temporary:
        save_array(embeddings, temporary / EMBEDDINGS_FILE)
        text = json.dumps(description, indent=1, ensure_ascii=False)
        (temporary / DESCRIPTION_FILE).write_text(text + "\n", encoding="utf-8")


def read_bank(folder: Path) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Read what `write_bank` wrote, within `readable_bank`."""
    description = json.loads((Path(folder) / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    domains, names = description["domains"], description["file_names"]
    if not all(isinstance(one, str) for one in names) or not set(domains) <= set(get_args(Domain)):
        raise ValueError("a file name is not a text, or a domain is unknown")
    return read_array(Path(folder) / EMBEDDINGS_FILE), description


@contextmanager
def readable_bank(folder: Path) -> Iterator[None]:
    """Raise a StridorError where a file of the bank is missing or does not make sense."""
    try:
        yield
    except StridorError as error:
        raise StridorError(f"{folder} does not contain a usable bank: {error}") from None
    except FileNotFoundError as error:
        raise StridorError(f"{error.filename} is missing; run the index stage to write the bank.") from None
    except OSError as error:
        raise StridorError(f"{folder} cannot be read ({error.strerror or error}); fix its permissions.") from None
    except DAMAGED as error:
        raise StridorError(f"{folder} does not contain a readable bank ({error}); run the index stage again.") from None


def describe(params: BankParams) -> dict[str, Any]:
    """Return what of the parameters decides scores."""
    description: dict[str, Any] = {
        "k": params.k,
        "metric": params.metric,
        "density_neighbours": params.density_neighbours,
        "target_oversampling": params.target_oversampling,
        "pools": params.domains,
    }
    # Only where it is used, so that the files of other banks are what they were before there was a choice.
    if params.metric == "whitened":
        description["shrinkage"] = params.shrinkage
    if params.density_neighbours and params.density_mean != "arithmetic":
        description["density_mean"] = params.density_mean
    if params.bands != "joint":
        description["bands"] = params.bands
    return description


def params_from(description: Mapping[str, Any]) -> BankParams:
    """Return the parameters that `describe` described; registered banks may be older than those with defaults here."""
    return BankParams(
        k=description["k"],
        metric=description["metric"],
        density_neighbours=description.get("density_neighbours", 0),
        target_oversampling=description.get("target_oversampling", 0),
        domains=description.get("pools", "joint"),
        shrinkage=description.get("shrinkage", SHRINKAGE),
        density_mean=description.get("density_mean", "arithmetic"),
        bands=description.get("bands", "joint"),
    )
