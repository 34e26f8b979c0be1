"""The reference bank: normal clips of one machine, and the distance of other clips to the nearest of them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.common.errors import StridorError
from stridor.data.names import Domain
from stridor.params.scoring_sections import BankParams
from stridor.scoring.bank_files import describe, params_from, read_bank, readable_bank, write_bank
from stridor.scoring.distances import as_embeddings
from stridor.scoring.references import References, first_unmeasurable


@dataclass(frozen=True)
class Neighbour:
    """A reference clip near a query."""

    file_name: str
    domain: Domain
    distance: float


class Bank(ABC):
    """Normal clips of one machine that others are scored by.

    Attributes
    ----------
    embeddings_ : float64 [R x D]
    file_names_, domains_ : tuple of R str
        Of the recorded references.
    """

    embeddings_: NDArray[np.float64]
    file_names_: tuple[str, ...]
    domains_: tuple[Domain, ...]

    @abstractmethod
    def like(self) -> "Bank":
        """Return a bank with the same parameters that no clip has been taken into."""

    @abstractmethod
    def fit(self, embeddings: ArrayLike, domains: Sequence[Domain], file_names: Sequence[str]) -> "Bank":
        """Take normal training clips as references."""

    @abstractmethod
    def score_samples(self, queries: ArrayLike) -> NDArray[np.float64]:
        """Score clips by their embeddings `[Q x D]`, float64 [Q]; higher is more anomalous."""

    @abstractmethod
    def leave_one_out_scores(self) -> NDArray[np.float64]:
        """Score every reference clip against all the others, float64 [R]."""

    @abstractmethod
    def distances_to_recorded(self, queries: ArrayLike) -> NDArray[np.float64]:
        """Return the plain distances of clips `[Q x D]` to the recorded references, float64 [Q x R]."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the bank to a folder, as one .npy and one .json file; equal banks give equal bytes."""

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
        for row in self.distances_to_recorded(queries).tolist():
            order = sorted(zip(row, self.file_names_, self.domains_, strict=True))
            ranked.append([Neighbour(name, domain, distance) for distance, name, domain in order[:n]])
        return ranked


class ReferenceBank(Bank):
    """Anomaly score of a clip: the mean distance of its embedding to the k nearest normal ones.

    Parameters
    ----------
    params : BankParams
        With the options that change the distance: metric (`scoring.whitening` for the whitened one), local density
        (`scoring.neighbours`), synthetic target references (`scoring.smote`) and a pool for each domain
        (`scoring.neighbours`). The defaults are the literal setting.

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

    def like(self) -> "ReferenceBank":
        """Return a bank with the same parameters that no clip has been taken into."""
        return ReferenceBank(self.params)

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
        if found := first_unmeasurable(embeddings, self.params):
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

    def distances_to_recorded(self, queries: ArrayLike) -> NDArray[np.float64]:
        """Return the plain distances of clips `[Q x D]` to the recorded references, float64 [Q x R]."""
        distances = self._references.distances_from(self._checked(queries))[:, :, : len(self.file_names_)]
        return np.asarray(distances.mean(axis=0))

    def save(self, folder: Path) -> None:
        """Write the bank to a folder, as one .npy and one .json file; equal banks give equal bytes."""
        names = {"file_names": self.file_names_, "domains": self.domains_}
        write_bank(folder, self.embeddings_, describe(self.params) | names)

    @classmethod
    def load(cls, folder: Path) -> "ReferenceBank":
        """Read a bank written by `save`.

        Raises
        ------
        StridorError
            If the folder does not contain a complete bank.
        """
        with readable_bank(folder):
            embeddings, description = read_bank(folder)
            bank = cls(params_from(description))
            return bank.fit(embeddings, description["domains"], description["file_names"])

    def _checked(self, queries: ArrayLike) -> NDArray[np.float64]:
        queries = as_embeddings(queries, "the queries")
        if queries.shape[1] != self.embeddings_.shape[1]:
            raise StridorError(
                f"The queries have {queries.shape[1]} values per clip but the bank's references "
                f"{self.embeddings_.shape[1]}; take both from the same encoder, layer and pooling."
            )
        if found := first_unmeasurable(queries, self.params):
            raise StridorError(
                f"The embedding of query {found[0]} {found[1]}; look for broken samples in that clip or for "
                "a training run that diverged."
            )
        return queries
