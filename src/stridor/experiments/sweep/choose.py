"""Choose a combination of scoring options on some machines and judge it on another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stridor.common.errors import StridorError
from stridor.evaluation.bootstrap import Difference, bootstrap_difference
from stridor.evaluation.measures import harmonic_mean
from stridor.experiments.sweep.grid import LITERAL, OPTIONS, Combination
from stridor.experiments.sweep.score import MachineSweep, measures
from stridor.params import Params


@dataclass(frozen=True)
class Choice:
    """Result on a machine of the combination that was chosen on the other machines; harmonic means in [0, 1]."""

    machine: str
    combination: Combination
    literal: float
    chosen: float


@dataclass(frozen=True)
class OptionGain:
    """Gain of one value of an option over its literal value, with all other options equal.

    Attributes
    ----------
    alone : float or None
        Mean gain of the machines' harmonic means with all other options literal; None if impossible.
    gain : float
        Mean gain over all combinations of the other options.
    machines_better : int
        Number of machines whose mean gain is above 0.
    chosen : int
        Number of machines for which a combination with this value was chosen.
    """

    option: str
    value: object
    alone: float | None
    gain: float
    machines_better: int
    chosen: int


@dataclass(frozen=True, eq=False)
class SystemSweep:
    """Result of the sweep for one system.

    Attributes
    ----------
    machines : tuple of M str
    combinations : tuple of C Combination
        Combinations that are possible for every machine, the literal one first.
    values : float64 [C x M x 3]
        AUC source, AUC target and pAUC.
    pseudo : float64 [C x M]
        Pseudo-anomaly AUC, for which no label counts; NaN where there are too few normal clips.
    choices : list of M Choice
    gain : Difference
        Total of the chosen combinations, each on the machine that was left out, minus the literal total.
    favourite : Combination
        The combination with the best total over all machines.
    impossible : mapping of Combination to str
        Combinations that a machine has too few clips for, and why.
    """

    machines: tuple[str, ...]
    combinations: tuple[Combination, ...]
    values: NDArray[np.float64]
    pseudo: NDArray[np.float64]
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
        """Total of the favourite on the machines that it was chosen on."""
        return float(totals(self.values)[self.combinations.index(self.favourite)])

    @property
    def recommended(self) -> Combination:
        """The favourite if the gain on left-out machines is significant, else the literal setting.

        With two machines, each choice would rest on a single machine, which does not justify a recommendation.
        """
        return self.favourite if self.gain.interval.low > 0 and len(self.machines) > 2 else LITERAL


def judge(
    sweeps: Sequence[MachineSweep],
    combinations: Sequence[Combination],
    pseudo: Sequence[NDArray[np.float64]],
    params: Params,
) -> SystemSweep:
    """Choose a combination for every machine on the other machines, and compare with the literal setting.

    Parameters
    ----------
    sweeps : sequence of at least two MachineSweep
    combinations : sequence of C Combination
        The literal one first.
    pseudo : sequence of float64 [C]
        Pseudo-anomaly AUC of all combinations on each machine.

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
    without_labels = np.stack(pseudo, axis=1)[[one not in impossible for one in combinations]]
    chosen = [possible[i] for i in leave_one_machine_out(values)]
    evaluation = params.evaluation
    gain = bootstrap_difference(
        [sweep.scored(LITERAL) for sweep in sweeps],
        [sweep.scored(one) for sweep, one in zip(sweeps, chosen, strict=True)],
        evaluation.bootstrap,
        evaluation.confidence,
        params.seed,
    )
    means = harmonic_mean(values, axis=2)
    machines = tuple(sweep.clips.machine for sweep in sweeps)
    choices = [
        Choice(machine, one, float(means[0, m]), float(means[possible.index(one), m]))
        for m, (machine, one) in enumerate(zip(machines, chosen, strict=True))
    ]
    favourite = possible[int(np.argmax(totals(values)))]
    options = option_gains(possible, means, chosen)
    return SystemSweep(machines, possible, values, without_labels, choices, gain, favourite, options, impossible)


def totals(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the official total of every combination, [C x M x 3] to [C]."""
    return harmonic_mean(values.reshape(len(values), -1), axis=1)


def leave_one_machine_out(values: NDArray[np.float64]) -> list[int]:
    """Return, for each machine, the index of the combination with the best total over the other machines.

    Parameters
    ----------
    values : float64 [C x M x 3]
        Of equally good combinations the first is chosen.
    """
    return [int(np.argmax(totals(np.delete(values, m, axis=1)))) for m in range(values.shape[1])]


def option_gains(
    combinations: Sequence[Combination], means: NDArray[np.float64], chosen: Sequence[Combination]
) -> list[OptionGain]:
    """Compare every combination with the one that has the literal value of one option instead.

    Nothing is chosen here, so all machines are used.

    Parameters
    ----------
    means : float64 [C x M]
        Harmonic means of the machines.
    """
    index = {one: i for i, one in enumerate(combinations)}
    gains = []
    for option in OPTIONS:
        for value in dict.fromkeys(getattr(one, option) for one in combinations):
            pairs = [
                (i, index[partner])
                for one, i in index.items()
                if getattr(one, option) == value != getattr(LITERAL, option)
                and (partner := one.with_literal(option)) in index
            ]
            if pairs:
                after, before = np.array(pairs).T
                by_machine = (means[after] - means[before]).mean(axis=0)
                single = index.get(LITERAL.with_value(option, value))
                alone = None if single is None else float((means[single] - means[index[LITERAL]]).mean())
                picked = sum(getattr(one, option) == value for one in chosen)
                better = int((by_machine > 0).sum())
                gains.append(OptionGain(option, value, alone, float(by_machine.mean()), better, picked))
    return gains
