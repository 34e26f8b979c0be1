"""Scores of one machine for all combinations; distances are computed once for the combinations that share them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from stridor.common.errors import StridorError
from stridor.data.names import DOMAINS, parse_clip_name
from stridor.evaluation.measures import MAX_FALSE_POSITIVE_RATE, ScoredClips, require_every_stratum
from stridor.evaluation.roc import roc_areas
from stridor.experiments.sweep.grid import Combination
from stridor.experiments.sweep.vectors import MachineVectors
from stridor.params.scoring_sections import BankParams, Metric
from stridor.scoring.distances import as_embeddings
from stridor.scoring.references import References, first_unmeasurable


@dataclass(frozen=True, eq=False)
class MachineSweep:
    """Scores of a machine's test clips for every combination.

    Attributes
    ----------
    clips : ScoredClips
        Names, domains and labels; the scores are not used.
    scores : mapping of Combination to float64 [N]
        In the order of `clips`.
    impossible : mapping of Combination to str
        Combinations that the machine has too few clips for, and why.
    """

    clips: ScoredClips
    scores: dict[Combination, NDArray[np.float64]] = field(default_factory=dict)
    impossible: dict[Combination, str] = field(default_factory=dict)

    def scored(self, combination: Combination) -> ScoredClips:
        """Return the clips with the scores of a combination."""
        clips = self.clips
        return ScoredClips(clips.machine, clips.file_names, clips.domains, clips.labels, self.scores[combination])


def sweep_machine(
    vectors: MachineVectors,
    combinations: Sequence[Combination],
    bank: BankParams = BankParams(),  # noqa: B008, the record is frozen
) -> MachineSweep:
    """Score a machine's test clips by every combination.

    Parameters
    ----------
    vectors : MachineVectors
    combinations : sequence of Combination
    bank : BankParams
        What the combinations leave open: the shrinkage of the whitened metric.

    Raises
    ------
    StridorError
        If the clips lack a domain or label, vectors of a layer or pooling are missing, or the first combination,
        which is the literal one, is impossible.
    """
    names = [parse_clip_name(name, "test") for name in vectors.test_names]
    domains, labels = [one.domain for one in names], [one.label for one in names]
    unscored = ScoredClips(vectors.machine, vectors.test_names, domains, labels, np.zeros(len(names)))
    require_every_stratum(unscored)
    # ScoredClips sorts clips by name.
    order = sorted(range(len(names)), key=vectors.test_names.__getitem__)
    swept = MachineSweep(unscored)
    for combination, scores in scores_of(vectors, combinations, bank):
        if isinstance(scores, str):
            swept.impossible[combination] = scores
        else:
            swept.scores[combination] = scores[order]
    if combinations[0] in swept.impossible:
        raise StridorError(f"{vectors.machine}: {swept.impossible[combinations[0]]}")
    return swept


def measures(swept: MachineSweep, combinations: Sequence[Combination]) -> NDArray[np.float64]:
    """Compute AUC source, AUC target and pAUC of some combinations, float64 [combinations x 3]."""
    anomalous, once = swept.clips.anomalous, np.ones((1, len(swept.clips.scores)), dtype=int)
    normal = [swept.clips.in_domain(domain) & ~anomalous for domain in DOMAINS]
    kinds = [*((one, None) for one in normal), (~anomalous, MAX_FALSE_POSITIVE_RATE)]
    return np.array([
        [roc_areas(swept.scores[one], anomalous, negative, once, max_fpr)[0] for negative, max_fpr in kinds]
        for one in combinations
    ])  # fmt: skip


def scores_of(
    vectors: MachineVectors, combinations: Sequence[Combination], bank: BankParams
) -> Iterator[tuple[Combination, NDArray[np.float64] | str]]:
    """Yield each combination with its scores in the order of the test clips, or with the reason why it has none."""
    domains = vectors.train_domains

    def shared(one: Combination) -> tuple[int, str, Metric, float, str]:
        return one.layer, one.pooling, one.metric, one.target_oversampling, one.bands

    for (layer, pooling, metric, share, bands), group in groupby(sorted(combinations, key=shared), shared):
        if (layer, pooling) not in vectors.train:
            raise StridorError(
                f"There are no vectors of layer {layer} and pooling {pooling} for the machine '{vectors.machine}'; run "
                "'make sweep' to embed its clips with the lists of params.yaml."
            )
        train, test = (as_embeddings(of[layer, pooling], "the clips") for of in (vectors.train, vectors.test))
        own = bank.model_copy(update={"metric": metric, "target_oversampling": share, "bands": bands})
        try:
            for values, names in ((train, vectors.train_names), (test, vectors.test_names)):
                if found := first_unmeasurable(values, own):
                    raise StridorError(f"The embedding of {names[found[0]]} {found[1]}.")
            references = References(train, domains, own)
        except StridorError as error:
            yield from ((one, str(error)) for one in group)
            continue
        to_test = references.distances_from(test)
        for one in group:
            try:
                yield one, references.scorer(one.bank).score(to_test)
            except StridorError as error:
                yield one, str(error)
