"""How many clips the stages need, so that too few are reported before hours are spent on training."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stridor.common.errors import StridorError
from stridor.data.names import DOMAINS, Domain, Label, Split
from stridor.params.scoring_sections import BankParams

# SMOTE places a synthetic clip between two.
SMOTE_CLIPS = 2


@dataclass(frozen=True)
class ClipKind:
    """What a clip's name says of it; None where it does not say."""

    split: Split
    domain: Domain | None
    label: Label | None


def require_references(machine: str, clips: Iterable[ClipKind], params: BankParams) -> None:
    """Refuse a machine with too few normal training clips for its reference bank.

    A threshold takes the distance of each clip to the others, so that a bank needs more clips than neighbours are
    averaged over (`k`), and two more than measure the local density. With `bank.domains: separate` each domain needs
    so many.

    Raises
    ------
    StridorError
        If there are too few; it says how many are missing.
    """
    counts = Counter(clip.domain or "source" for clip in clips if clip.split == "train")
    needs = {"bank.k": params.k + 1}
    if params.density_neighbours:
        needs["bank.density_neighbours"] = params.density_neighbours + 2
    parameter = max(needs, key=lambda name: needs[name])
    pools: dict[str, int] = {"": counts.total()}
    if params.domains == "separate":
        pools = {f" of the {domain} domain": counts[domain] for domain in DOMAINS}
    for whose, number in pools.items():
        if (missing := needs[parameter] - number) > 0:
            value = needs[parameter] - (1 if parameter == "bank.k" else 2)
            others = ", or set bank.domains to joint" if whose else ""
            raise StridorError(
                f"The machine '{machine}' has {number} normal training clips{whose}, {missing} too few for {parameter} "
                f"= {value}; add recordings or lower the parameter{others}."
            )


def smote_note(domains: Sequence[Domain | None], params: BankParams) -> str | None:
    """Return that no synthetic references are made although `bank.target_oversampling` asks for some, and why."""
    targets = sum(domain == "target" for domain in domains)
    if not params.target_oversampling or targets >= SMOTE_CLIPS:
        return None
    return (
        f"no synthetic references of the target domain are made (bank.target_oversampling), as they lie between two of "
        f"its training clips and there {'is 1' if targets == 1 else 'are none'}"
    )


def missing_for_measures(clips: Iterable[ClipKind]) -> tuple[str, ...]:
    """Return what the test of a machine lacks for the official measures, nothing if it has all of it."""
    test = [clip for clip in clips if clip.split == "test"]
    if not test:
        return ("test clips",)
    if all(clip.label is None for clip in test):
        return ("labels in the names of its test clips",)
    normals = {clip.domain for clip in test if clip.label == "normal"}
    missing = [f"normal test clips of the {domain} domain" for domain in DOMAINS if domain not in normals]
    if not any(clip.label == "anomaly" for clip in test):
        missing.append("anomalies")
    return tuple(missing)
