"""The reference bank: normal clips of one machine, and how far another clip lies from the nearest of them."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.data.names import Domain
from stridor.errors import StridorError
from stridor.scoring.distances import Metric, NeighbourSearch, as_embeddings, unmeasurable
from stridor.whole import whole_folder

EMBEDDINGS_FILE = "embeddings.npz"
DESCRIPTION_FILE = "bank.json"


@dataclass(frozen=True)
class Neighbour:
    """A reference clip near a query."""

    file_name: str
    domain: Domain
    distance: float


class ReferenceBank:
    """Anomaly score of a clip: the mean distance of its embedding to the k nearest normal ones.

    Parameters
    ----------
    k : int
        1 is the literal setting.
    metric : "euclidean" or "cosine"

    Attributes
    ----------
    embeddings_ : float64 [R x D]
    domains_, file_names_ : tuple of R str
    """

    def __init__(self, k: int = 1, metric: Metric = "euclidean") -> None:
        self.k = k
        self.metric = metric

    def fit(self, embeddings: ArrayLike, domains: Sequence[Domain], file_names: Sequence[str]) -> "ReferenceBank":
        """Take normal training clips as references.

        Parameters
        ----------
        embeddings : float [R x D], R > k
            One more than k, because each reference is also scored against all the others.
        domains, file_names : R str

        Raises
        ------
        StridorError
            If the parameters are impossible, references are too few, or an embedding has no distance.
        """
        if not isinstance(self.k, int) or self.k < 1 or self.metric not in get_args(Metric):
            raise StridorError(
                f"The bank's k is {self.k} and its metric '{self.metric}'; k must be a whole number from 1 "
                f"and the metric one of {', '.join(get_args(Metric))}."
            )
        embeddings = as_embeddings(embeddings, "the reference clips")
        if not len(embeddings) == len(domains) == len(file_names):
            raise StridorError(
                f"The bank got {len(embeddings)} embeddings, {len(domains)} domains and {len(file_names)} "
                "file names; give one of each per reference clip."
            )
        if len(embeddings) <= self.k:
            raise StridorError(
                f"The bank holds {len(embeddings)} reference clips, too few for k = {self.k}; record at "
                f"least {self.k + 1} normal clips or lower the parameter bank.k."
            )
        if found := unmeasurable(embeddings, self.metric):
            raise StridorError(
                f"The embedding of the reference clip {file_names[found[0]]} {found[1]}; look for broken "
                "samples in that clip or for a training run that diverged."
            )
        self.embeddings_ = embeddings
        self.domains_ = tuple(domains)
        self.file_names_ = tuple(file_names)
        self._search = NeighbourSearch(embeddings, self.metric)
        return self

    def score_samples(self, queries: ArrayLike) -> NDArray[np.float64]:
        """Score clips; a clip's score is the same alone and in any batch.

        Parameters
        ----------
        queries : float [Q x D]

        Returns
        -------
        float64 [Q], higher is more anomalous

        Raises
        ------
        StridorError
            If the queries have another dimension than the bank, or one has no distance.
        """
        distances, _ = self._search.nearest(self._checked(queries), self.k)
        return distances.mean(axis=1)

    def leave_one_out_scores(self) -> NDArray[np.float64]:
        """Score every reference clip against all the others, float64 [R]."""
        return self._search.nearest_others(self.k).mean(axis=1)

    def neighbours(self, queries: ArrayLike, n: int) -> list[list[Neighbour]]:
        """Name the n reference clips nearest to each query.

        Parameters
        ----------
        queries : float [Q x D]
        n : int
            Where the bank is smaller, all of it is named.

        Returns
        -------
        Q lists of Neighbour, nearest first; equal distances come in the order of the file names
        """
        # The whole bank is ranked, so that ties at the n-th place do not hang on the search's own order.
        distances, indices = self._search.nearest(self._checked(queries), len(self.embeddings_))
        ranked = []
        for near, who in zip(distances.tolist(), indices.tolist(), strict=True):
            order = sorted(zip(near, who, strict=True), key=lambda pair: (pair[0], self.file_names_[pair[1]]))
            ranked.append([Neighbour(self.file_names_[i], self.domains_[i], d) for d, i in order[:n]])
        return ranked

    def save(self, folder: Path) -> None:
        """Write the bank as a folder of one .npz and one .json, the same bytes for the same bank."""
        description = {
            "k": self.k,
            "metric": self.metric,
            "file_names": self.file_names_,
            "domains": self.domains_,
        }
        with whole_folder(folder) as beside:
            np.savez(beside / EMBEDDINGS_FILE, embeddings=self.embeddings_)
            text = json.dumps(description, indent=1, ensure_ascii=False)
            (beside / DESCRIPTION_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "ReferenceBank":
        """Read a bank written by `save`.

        Raises
        ------
        StridorError
            If the folder holds no complete bank.
        """
        folder = Path(folder)
        try:
            description = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
            with np.load(folder / EMBEDDINGS_FILE, allow_pickle=False) as arrays:
                embeddings = arrays["embeddings"]
            bank = cls(k=description["k"], metric=description["metric"])
            return bank.fit(embeddings, description["domains"], description["file_names"])
        except FileNotFoundError as error:
            raise StridorError(
                f"{error.filename} is missing; run the index stage so that the bank is written."
            ) from None
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise StridorError(
                f"{folder} holds no readable bank ({error}); run the index stage so that it is written anew."
            ) from None

    def _checked(self, queries: ArrayLike) -> NDArray[np.float64]:
        queries = as_embeddings(queries, "the queries")
        if queries.shape[1] != self.embeddings_.shape[1]:
            raise StridorError(
                f"The queries have {queries.shape[1]} values per clip but the bank's references "
                f"{self.embeddings_.shape[1]}; take both from the same encoder, layer and pooling."
            )
        if found := unmeasurable(queries, self.metric):
            raise StridorError(
                f"The embedding of query {found[0]} {found[1]}; look for broken samples in that clip or for "
                "a training run that diverged."
            )
        return queries
