"""Several views of a clip joined to one score."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.common.errors import StridorError
from stridor.data.names import Domain
from stridor.params.scoring_sections import BankParams
from stridor.scoring.bank import Bank, ReferenceBank
from stridor.scoring.bank_files import describe, params_from, read_bank, readable_bank, write_bank
from stridor.scoring.conformal import without_copies
from stridor.scoring.distances import as_embeddings

# Of a logarithm; scores beyond e^700 are equal.
LARGEST_EXPONENT = 700.0


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of the logarithms of a view's leave-one-out scores."""

    centre: float
    deviation: float


class JoinedBank(Bank):
    """Anomaly score of a clip by several views, each with references of its own.

    The logarithm of a view's score is standardised by mean and standard deviation of the logarithms of its own
    leave-one-out scores, so that a view counts by how unusual it finds a clip, whatever its unit. The joined score is
    the mean of these values over the views, times the mean standard deviation, and raised from the logarithm again:
    about 1 for a typical normal clip, never negative, and in the same order as the mean.

    Parameters
    ----------
    views : sequence of V BankParams
    widths : sequence of V int
        How many values of an embedding belong to each view, one view after the other.

    Attributes
    ----------
    embeddings_ : float64 [R x sum of widths]
    domains_, file_names_ : tuple of R str
    scales_ : tuple of V Scale
    """

    def __init__(self, views: Sequence[BankParams], widths: Sequence[int]) -> None:
        self.views = tuple(views)
        self.widths = tuple(widths)

    def like(self) -> "JoinedBank":
        """Return a bank with the same parameters that no clip has been taken into."""
        return JoinedBank(self.views, self.widths)

    def fit(self, embeddings: ArrayLike, domains: Sequence[Domain], file_names: Sequence[str]) -> "JoinedBank":
        """Take normal training clips as references, as `ReferenceBank.fit` does for each view.

        Raises
        ------
        StridorError
            As there, or if all clips score alike in a view.
        """
        self._take(embeddings, domains, file_names)
        own = [bank.leave_one_out_scores() for bank in self._banks]
        self.scales_ = tuple(_scale(scores, number) for number, scores in enumerate(own, start=1))
        return self

    def score_samples(self, queries: ArrayLike) -> NDArray[np.float64]:
        """Score clips `[Q x D]`; a clip's score does not depend on the other clips of the batch."""
        return self._join([bank.score_samples(part) for bank, part in self._parts(queries)])

    def leave_one_out_scores(self) -> NDArray[np.float64]:
        """Score every reference clip against all the others; the views' scales remain those of all clips."""
        return self._join([bank.leave_one_out_scores() for bank in self._banks])

    def distances_to_recorded(self, queries: ArrayLike) -> NDArray[np.float64]:
        """Return the views' plain distances to the recorded references, joined as scores are."""
        return self._join([bank.distances_to_recorded(part) for bank, part in self._parts(queries)])

    def save(self, folder: Path) -> None:
        """Write the bank to a folder, as one .npy and one .json file; equal banks give equal bytes."""
        views = [
            describe(view) | {"width": width, "centre": scale.centre, "deviation": scale.deviation}
            for view, width, scale in zip(self.views, self.widths, self.scales_, strict=True)
        ]
        names = {"file_names": self.file_names_, "domains": self.domains_}
        write_bank(folder, self.embeddings_, {"views": views} | names)

    @classmethod
    def load(cls, folder: Path) -> "JoinedBank":
        """Read a bank written by `save`.

        Raises
        ------
        StridorError
            If the folder does not contain a complete bank of several views.
        """
        with readable_bank(folder):
            embeddings, description = read_bank(folder)
            views = description["views"]
            bank = cls([params_from(view) for view in views], [_checked_width(view["width"]) for view in views])
            bank.scales_ = tuple(_checked_scale(view["centre"], view["deviation"]) for view in views)
            bank._take(embeddings, description["domains"], description["file_names"])
            return bank

    def _take(self, embeddings: ArrayLike, domains: Sequence[Domain], file_names: Sequence[str]) -> None:
        self.embeddings_ = as_embeddings(embeddings, "the reference clips")
        self._banks = [
            ReferenceBank(view).fit(part, domains, file_names)
            for view, part in zip(self.views, self._split(self.embeddings_), strict=True)
        ]
        self.domains_, self.file_names_ = tuple(domains), tuple(file_names)

    def _parts(self, queries: ArrayLike) -> list[tuple[ReferenceBank, NDArray[np.float64]]]:
        return list(zip(self._banks, self._split(as_embeddings(queries, "the queries")), strict=True))

    def _split(self, embeddings: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        if embeddings.shape[1] != sum(self.widths):
            raise StridorError(
                f"The embeddings have {embeddings.shape[1]} values per clip but the views of the bank "
                f"{sum(self.widths)}; take both from the same encoders, layers and poolings."
            )
        return np.split(embeddings, np.cumsum(self.widths)[:-1], axis=1)

    def _join(self, scores: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Join the views' scores of the same shape."""
        with np.errstate(divide="ignore"):  # a copy of a reference is at the distance 0
            standardised = [
                (np.log(one) - scale.centre) / scale.deviation for one, scale in zip(scores, self.scales_, strict=True)
            ]
        unit = float(np.mean([scale.deviation for scale in self.scales_]))
        return np.asarray(np.exp(np.minimum(unit * np.mean(standardised, axis=0), LARGEST_EXPONENT)))


def load_bank(folder: Path) -> Bank:
    """Read a bank of one view or of several.

    Raises
    ------
    StridorError
        If the folder does not contain a complete bank.
    """
    with readable_bank(folder):
        joined = "views" in read_bank(folder)[1]
    return JoinedBank.load(folder) if joined else ReferenceBank.load(folder)


def _checked_width(width: object) -> int:
    if not isinstance(width, int) or width < 1:
        raise ValueError(f"the width of a view is {str(width)[:50]!r}")
    return width


def _checked_scale(centre: object, deviation: object) -> Scale:
    for value in (centre, deviation):
        if not isinstance(value, float) or not math.isfinite(value):
            raise ValueError(f"the scale of a view is {str(value)[:50]!r} instead of a number")
    scale = Scale(cast(float, centre), cast(float, deviation))
    # Of logarithms of finite numbers.
    if abs(scale.centre) > LARGEST_EXPONENT or not 0 < scale.deviation <= LARGEST_EXPONENT:
        raise ValueError(f"the scale of a view is {scale.centre:g}, {scale.deviation:g}, which no scores have")
    return scale


def _scale(scores: NDArray[np.float64], number: int) -> Scale:
    distinct = without_copies(scores)
    if distinct is None:
        raise StridorError(
            f"By view {number} of bank.views all reference clips score alike, so it has no scale; record more normal "
            "clips or remove the view."
        )
    logs = np.log(distinct)
    return Scale(float(logs.mean()), float(logs.std()))
