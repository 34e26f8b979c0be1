"""Which combination to take: chosen on some machines, judged on another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stridor.common.errors import StridorError
from stridor.evaluation.bootstrap import Difference, bootstrap_differences
from stridor.evaluation.measures import harmonic_mean
from stridor.experiments.sweep.grid import LITERAL, OPTIONS, Combination
from stridor.experiments.sweep.score import MachineSweep, measures
from stridor.params import Params


@dataclass(frozen=True)
class Choice:
    """What a machine gets from the combination that the other machines chose; harmonic means in [0, 1]."""

    machine: str
    combination: Combination
    literal: float
    chosen: float


@dataclass(frozen=True)
class OptionGain:
    """What one value of an option does in the place of the literal one, all other options equal.

    Attributes
    ----------
    alone : float or None
        Gain of a machine's harmonic mean with all other options literal, over the machines; None if impossible.
    gain : float
        The same over all combinations of the other options.
    machines_better : int
        Machines whose mean gain is above 0.
    chosen : int
        Machines for which the others chose a combination with this value.
    """

    option: str
    value: object
    alone: float | None
    gain: float
    machines_better: int
    chosen: int


@dataclass(frozen=True, eq=False)
class Verdict:
    """The sweep of one system.

    Attributes
    ----------
    machines : tuple of M str
    combinations : tuple of C Combination
        Those that are possible for every machine, the literal one first.
    values : float64 [C x M x 3]
        AUC source, AUC target and pAUC.
    choices : list of M Choice
    gain : Difference
        Total of the chosen combinations, each on the machine that it was not chosen on, minus the literal total.
    favourite : Combination
        The one with the best total over all machines.
    options : list of OptionGain
    impossible : mapping of Combination to str
    """

    machines: tuple[str, ...]
    combinations: tuple[Combination, ...]
    values: NDArray[np.float64]
    choices: list[Choice]
    gain: Difference
    favourite: Combination
    options: list[OptionGain]
    impossible: Mapping[Combination, str]

    @property
    def literal_total(self) -> float:
        """Total of the literal setting."""
        return float(totals(self.values)[0])

    @property
    def favourite_total(self) -> float:
        """Total of the favourite on the machines that chose it."""
        return float(totals(self.values)[self.combinations.index(self.favourite)])

    @property
    def recommended(self) -> Combination:
        """The favourite if choosing as it was chosen has gained beyond luck on other machines, else the literal.

        Of two machines one alone would choose, which is no ground for a recommendation.
        """
        return self.favourite if self.gain.interval.low > 0 and len(self.machines) > 2 else LITERAL


def judge(sweeps: Sequence[MachineSweep], combinations: Sequence[Combination], params: Params) -> Verdict:
    """Choose for every machine by the others.

    Parameters
    ----------
    sweeps : sequence of at least two MachineSweep
    combinations : sequence of Combination
        The literal one first.

    Raises
    ------
    StridorError
        If there are fewer than two machines.
    """
    if len(sweeps) < 2:
        raise StridorError(
            f"A sweep chooses on some machines and judges on another; it got {len(sweeps)}, give at least 2."
        )
    impossible = {one: why for sweep in sweeps for one, why in sweep.impossible.items()}
    possible = tuple(one for one in combinations if one not in impossible)
    values = np.stack([measures(sweep, possible) for sweep in sweeps], axis=1)
    chosen = [possible[i] for i in leave_one_machine_out(values)]
    evaluation = params.evaluation
    gain = bootstrap_differences(
        [sweep.scored(LITERAL) for sweep in sweeps],
        [sweep.scored(one) for sweep, one in zip(sweeps, chosen, strict=True)],
        evaluation.bootstrap,
        evaluation.confidence,
        params.seed,
    ).total
    means = harmonic_mean(values, axis=2)
    machines = tuple(sweep.clips.machine for sweep in sweeps)
    choices = [
        Choice(machine, one, float(means[0, m]), float(means[possible.index(one), m]))
        for m, (machine, one) in enumerate(zip(machines, chosen, strict=True))
    ]
    favourite = possible[int(np.argmax(totals(values)))]
    options = option_gains(possible, means, chosen)
    return Verdict(machines, possible, values, choices, gain, favourite, options, impossible)


def totals(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the official total of every combination, [C x M x 3] to [C]."""
    return harmonic_mean(values.reshape(len(values), -1), axis=1)


def leave_one_machine_out(values: NDArray[np.float64]) -> list[int]:
    """Return for each machine the combination with the best total over the others.

    Parameters
    ----------
    values : float64 [C x M x 3]
        Of equals the first is chosen.
    """
    return [int(np.argmax(totals(np.delete(values, m, axis=1)))) for m in range(values.shape[1])]


def option_gains(
    combinations: Sequence[Combination], means: NDArray[np.float64], chosen: Sequence[Combination]
) -> list[OptionGain]:
    """Compare every combination with the one that differs from it by the literal value of one option.

    No value is chosen here, so that every machine counts.

    Parameters
    ----------
    means : float64 [C x M]
        Harmonic means of the machines.
    """
    place = {one: i for i, one in enumerate(combinations)}
    gains = []
    for option in OPTIONS:
        for value in dict.fromkeys(getattr(one, option) for one in combinations):
            pairs = [
                (i, place[partner])
                for one, i in place.items()
                if getattr(one, option) == value != getattr(LITERAL, option)
                and (partner := one.with_literal(option)) in place
            ]
            if pairs:
                after, before = np.array(pairs).T
                by_machine = (means[after] - means[before]).mean(axis=0)
                single = place.get(replace(LITERAL, **{option: value}))
                alone = None if single is None else float((means[single] - means[place[LITERAL]]).mean())
                picked = sum(getattr(one, option) == value for one in chosen)
                better = int((by_machine > 0).sum())
                gains.append(OptionGain(option, value, alone, float(by_machine.mean()), better, picked))
    return gains
