"""The reference bank: normal clips of one machine, and the distance of other clips to the nearest of them."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.common.atomic import atomic_folder
from stridor.common.errors import StridorError
from stridor.common.saving import save_array
from stridor.data.names import Domain
from stridor.params.sections import BankParams
from stridor.scoring.distances import as_embeddings, distances, unmeasurable
from stridor.scoring.neighbours import DistanceScorer
from stridor.scoring.smote import smote

# Not .npz, whose bytes depend on the version of Python: DVC runs stages again when bytes change.
EMBEDDINGS_FILE = "embeddings.npy"
DESCRIPTION_FILE = "bank.json"
_DAMAGED = (
    ValueError, LookupError, TypeError, AttributeError, EOFError, OverflowError, MemoryError, RecursionError,
    zipfile.BadZipFile,
)  # fmt: skip


@dataclass(frozen=True)
class Neighbour:
    """A reference clip near a query."""

    file_name: str
    domain: Domain
    distance: float


class References:
    """Recorded and synthetic references, and the distances that all scorers of them share.

    Parameters
    ----------
    embeddings : float64 [R x D]
        Of recorded clips, each with a distance (`unmeasurable`).
    domains : R str
    params : BankParams
        Its metric and its share of synthetic references.

    Raises
    ------
    StridorError
        If the target clips are too few to make synthetic ones from.
    """

    def __init__(self, embeddings: NDArray[np.float64], domains: Sequence[Domain], params: BankParams) -> None:
        synthetic, parents = smote(embeddings, domains, params.target_oversampling)
        own = np.arange(len(embeddings))
        self._metric = params.metric
        self._embeddings = np.concatenate([embeddings, synthetic])
        synthetic_domains: list[Domain] = ["target"] * len(synthetic)
        self._domains = (*domains, *synthetic_domains)
        self._parents = np.concatenate([np.stack([own, own], axis=1), parents])

    def scorer(self, params: BankParams) -> DistanceScorer:
        """Return the scorer for these references; `params` must have the same metric and share as the references.

        Raises
        ------
        StridorError
            If references are too few for the parameters, in a domain or in all.
        """
        return DistanceScorer(params, lambda: self._between, self._domains, self._parents)

    def distances_from(self, queries: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distances of queries `[Q x D]` to all references, float64 [Q x all references]."""
        return distances(queries, self._embeddings, self._metric)

    @cached_property
    def _between(self) -> NDArray[np.float64]:
        return self.distances_from(self._embeddings)


class ReferenceBank:
    """Anomaly score of a clip: the mean distance of its embedding to the k nearest normal ones.

    Parameters
    ----------
    params : BankParams
        With the options that change the distance: metric, local density (`scoring.neighbours`), synthetic
        target references (`scoring.smote`) and a pool for each domain (`scoring.neighbours`). The defaults
        are the literal setting.

    Attributes
    ----------
    embeddings_ : float64 [R x D]
        Of the recorded references.
    domains_, file_names_ : tuple of R str

    Examples
    --------
    >>> import numpy as np
    >>> from stridor import ReferenceBank
    >>> bank = ReferenceBank().fit(np.eye(2), ["source", "target"], ["a.wav", "b.wav"])
    >>> bank.score_samples([[1.0, 0.5]])
    array([0.5])
    >>> bank.neighbours([[1.0, 0.5]], n=1)[0][0].file_name
    'a.wav'
    """

    def __init__(self, params: BankParams = BankParams()) -> None:  # noqa: B008, the record is frozen
        self.params = params

    def fit(self, embeddings: ArrayLike, domains: Sequence[Domain], file_names: Sequence[str]) -> "ReferenceBank":
        """Take normal training clips as references.

        Parameters
        ----------
        embeddings : float [R x D], R > k
            More than k, because each reference is also scored against all the others.
        domains, file_names : R str

        Raises
        ------
        StridorError
            If there are too few references for the parameters, in total or in a domain, or an embedding has no
            distance.
        """
        embeddings = as_embeddings(embeddings, "the reference clips")
        if not len(embeddings) == len(domains) == len(file_names):
            raise StridorError(
                f"The bank got {len(embeddings)} embeddings, {len(domains)} domains and {len(file_names)} "
                "file names; give one of each per reference clip."
            )
        if found := unmeasurable(embeddings, self.params.metric):
            raise StridorError(
                f"The embedding of the reference clip {file_names[found[0]]} {found[1]}; look for broken "
                "samples in that clip or for a training run that diverged."
            )
        self.embeddings_ = embeddings
        self.domains_ = tuple(domains)
        self.file_names_ = tuple(file_names)
        self._references = References(embeddings, domains, self.params)
        self._scorer = self._references.scorer(self.params)
        return self

    def score_samples(self, queries: ArrayLike) -> NDArray[np.float64]:
        """Score clips; a clip's score does not depend on the other clips of the batch.

        Parameters
        ----------
        queries : float [Q x D]

        Returns
        -------
        float64 [Q], higher is more anomalous

        Raises
        ------
        StridorError
            If the dimension of the queries differs from the bank's, or a query has no distance.
        """
        queries = self._checked(queries)
        if not len(queries):
            return np.empty(0)
        return self._scorer.score(self._references.distances_from(queries))

    def leave_one_out_scores(self) -> NDArray[np.float64]:
        """Score every reference clip against all the others, as `score_samples` does; float64 [R]."""
        return self._scorer.leave_one_out()

    def neighbours(self, queries: ArrayLike, n: int) -> list[list[Neighbour]]:
        """Return the n recorded reference clips nearest to each query, by the plain distance.

        Parameters
        ----------
        queries : float [Q x D]
        n : int
            If the bank is smaller, all of its clips are returned.

        Returns
        -------
        Q lists of Neighbour, nearest first; equal distances in order of file names
        """
        ranked = []
        for row in distances(self._checked(queries), self.embeddings_, self.params.metric).tolist():
            order = sorted(zip(row, self.file_names_, self.domains_, strict=True))
            ranked.append([Neighbour(name, domain, distance) for distance, name, domain in order[:n]])
        return ranked

    def save(self, folder: Path) -> None:
        """Write the bank to a folder, as one .npy and one .json file; equal banks give equal bytes."""
        description = {
            "k": self.params.k,
            "metric": self.params.metric,
            "density_neighbours": self.params.density_neighbours,
            "target_oversampling": self.params.target_oversampling,
            "pools": self.params.domains,
            "file_names": self.file_names_,
            "domains": self.domains_,
        }
        with atomic_folder(folder) as temporary:
            save_array(self.embeddings_, temporary / EMBEDDINGS_FILE)
            text = json.dumps(description, indent=1, ensure_ascii=False)
            (temporary / DESCRIPTION_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "ReferenceBank":
        """Read a bank written by `save`.

        Raises
        ------
        StridorError
            If the folder does not contain a complete bank.
        """
        folder = Path(folder)
        try:
            description = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
            embeddings = np.load(folder / EMBEDDINGS_FILE, allow_pickle=False)
            # Registered banks may be older than the options with defaults here.
            params = BankParams(
                k=description["k"],
                metric=description["metric"],
                density_neighbours=description.get("density_neighbours", 0),
                target_oversampling=description.get("target_oversampling", 0),
                domains=description.get("pools", "joint"),
            )
            bank = cls(params)
            domains, names = description["domains"], description["file_names"]
            if not all(isinstance(one, str) for one in names) or not set(domains) <= set(get_args(Domain)):
                raise ValueError("a file name or a domain is none")
            return bank.fit(embeddings, domains, names)
        except FileNotFoundError as error:
            raise StridorError(f"{error.filename} is missing; run the index stage to write the bank.") from None
        except OSError as error:
            raise StridorError(f"{folder} cannot be read ({error.strerror or error}); fix its permissions.") from None
        except _DAMAGED as error:
            raise StridorError(
                f"{folder} does not contain a readable bank ({error}); run the index stage again."
            ) from None

    def _checked(self, queries: ArrayLike) -> NDArray[np.float64]:
        queries = as_embeddings(queries, "the queries")
        if queries.shape[1] != self.embeddings_.shape[1]:
            raise StridorError(
                f"The queries have {queries.shape[1]} values per clip but the bank's references "
                f"{self.embeddings_.shape[1]}; take both from the same encoder, layer and pooling."
            )
        if found := unmeasurable(queries, self.params.metric):
            raise StridorError(
                f"The embedding of query {found[0]} {found[1]}; look for broken samples in that clip or for "
                "a training run that diverged."
            )
        return queries
