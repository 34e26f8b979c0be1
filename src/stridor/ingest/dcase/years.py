"""The published sets of DCASE Task 2: which Zenodo record holds which machines, and how many clips each has."""

from dataclasses import dataclass
from typing import Literal

from stridor.common.errors import StridorError
from stridor.data.names import Domain, Label, Split

SetName = Literal["dev", "additional", "eval"]
SETS: tuple[SetName, ...] = ("dev", "additional", "eval")

# What an archive holds, told by its set: how many clips of a split, narrowed to a domain and label if given.
Group = tuple[Split, Domain | None, Label | None]

_TRAIN: dict[Group, int] = {("train", "source", "normal"): 990, ("train", "target", "normal"): 10}
_TEST: dict[Group, int] = {("test", None, None): 200}
_BALANCED: dict[Group, int] = _TEST | {
    ("test", domain, label): 50 for domain in ("source", "target") for label in ("normal", "anomaly")
}
_SUPPLEMENTAL: dict[Group, int] = {("supplemental", None, None): 100}
_NO_SUPPLEMENTAL: dict[Group, int] = {("supplemental", None, None): 0}


@dataclass(frozen=True)
class Published:
    """One set of a year, which is one Zenodo record with an archive for every machine.

    Attributes
    ----------
    stem : str
        The archive's name without .zip; organisers put a corrected one beside it as `<stem>_r2.zip`.
    counts : dict of Group to int
        How many clips each machine's archive must hold. Domain and label count only where names say them.
    """

    record: str
    machines: tuple[str, ...]
    stem: str
    counts: dict[Group, int]

    def stem_of(self, machine: str) -> str:
        """Return the name of a machine's archive without revision and .zip."""
        return self.stem.format(machine=machine)


def _year(
    records: tuple[str, str, str], new: tuple[str, ...], *, supplemental: dict[Group, int], test: dict[Group, int]
) -> dict[SetName, Published]:
    old = ("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve")
    return {
        "dev": Published(records[0], old, "dev_{machine}", _TRAIN | supplemental | test),
        "additional": Published(records[1], new, "eval_data_{machine}_train", _TRAIN | supplemental),
        "eval": Published(records[2], new, "eval_data_{machine}_test", test),
    }


# The records of 2023 and 2024 are those that the organisers' own download scripts name; their test sets have 200
# clips a machine, but not always 50 of each domain and label.
YEARS: dict[int, dict[SetName, Published]] = {
    2023: _year(
        ("7882613", "7830345", "7860847"),
        ("ToyDrone", "ToyNscale", "ToyTank", "Vacuum", "bandsaw", "grinder", "shaker"),
        supplemental=_NO_SUPPLEMENTAL,
        test=_TEST,
    ),
    2024: _year(
        ("10902294", "11259435", "11363076"),
        (
            "3DPrinter", "AirCompressor", "BrushlessMotor", "HairDryer", "HoveringDrone", "RoboticArm", "Scanner",
            "ToothBrush", "ToyCircuit",
        ),
        supplemental=_NO_SUPPLEMENTAL,
        test=_TEST,
    ),
    2025: _year(
        ("15097779", "15392814", "15519362"),
        (
            "AutoTrash", "BandSealer", "CoffeeGrinder", "HomeCamera", "Polisher", "ScrewFeeder", "ToyPet", "ToyRCCar",
        ),
        supplemental=_SUPPLEMENTAL,
        test=_BALANCED,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """One archive that a user asked for: a machine of a set."""

    published: Published
    machine: str

    @property
    def record(self) -> str:
        """The record that holds it."""
        return self.published.record

    @property
    def stem(self) -> str:
        """Its name without revision and .zip."""
        return self.published.stem_of(self.machine)


def wanted_archives(year: int, sets: tuple[str, ...], machines: tuple[str, ...] = ()) -> tuple[Wanted, ...]:
    """List the archives of some sets of a year.

    Parameters
    ----------
    sets : tuple of "dev", "additional" or "eval"
        The evaluation set has test clips only and brings the additional set with it, whose clips train.
    machines : tuple of str
        Only these; all machines of the sets if empty.

    Raises
    ------
    StridorError
        If there is no such year, set or machine.
    """
    if year not in YEARS:
        raise StridorError(f"There is no table for the year {year}; expected one of {', '.join(map(str, YEARS))}.")
    if unknown := [name for name in sets if name not in SETS]:
        raise StridorError(f"There is no set '{unknown[0]}'; expected some of {', '.join(SETS)}.")
    if not sets:
        raise StridorError(f"No set is named; expected some of {', '.join(SETS)}.")
    chosen = [name for name in SETS if name in sets or (name == "additional" and "eval" in sets)]
    published = [YEARS[year][name] for name in chosen]
    there = dict.fromkeys(machine for one in published for machine in one.machines)
    if missing := [machine for machine in machines if machine not in there]:
        raise StridorError(
            f"The sets {', '.join(chosen)} of {year} have no machine '{missing[0]}'; expected some of "
            f"{', '.join(there)}."
        )
    return tuple(
        Wanted(one, machine) for one in published for machine in one.machines if machine in (machines or there)
    )
