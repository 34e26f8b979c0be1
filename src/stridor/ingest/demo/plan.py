"""Which clips a machine gets, under which conditions, with what wrong: decided before any sound is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeVar

import numpy as np

from stridor.common.seeds import rng_for
from stridor.ingest.demo.catalogue import DemoMachine
from stridor.ingest.demo.machine import Fault

TRAIN_CLIPS = {"source": 50, "target": 5}
TEST_CLIPS = 15
SUPPLEMENTAL_CLIPS = 15

_LEVEL_DB = (-30.0, -18.0)
_OFFSET_STEPS = (-0.3, 0.3)

T = TypeVar("T")


@dataclass(frozen=True)
class Condition:
    """Everything about a clip but its chance details: what runs, where, how loud."""

    domain: str
    attributes: tuple[tuple[str, str], ...]
    snr_db: float
    level_db: float
    offset_steps: float


@dataclass(frozen=True)
class PlannedClip:
    """One clip to be made."""

    split: str  # folder, one of train, test, supplemental
    file_name: str  # within that folder
    condition: Condition  # see `Condition`
    fault: Fault | None  # what is wrong with the machine, None for a normal clip
    sound: Literal["both", "machine", "noise"]  # the machine in its surroundings, or one of them alone


def plan(machine: DemoMachine, seed: int) -> list[PlannedClip]:
    """Return all clips of one machine; they depend on nothing but the arguments."""
    clips = []
    for domain, count in TRAIN_CLIPS.items():
        conditions = _conditions(machine, domain, count, rng_for(seed, machine.name, "train", domain))
        clips += [_clip(machine, "train", "normal", number, each) for number, each in enumerate(conditions)]
    for domain in ("source", "target"):
        rng = rng_for(seed, machine.name, "test", domain)
        # Normal and anomalous clips share one set of conditions, levels and offsets: none of these tells.
        conditions = _conditions(machine, domain, TEST_CLIPS, rng)
        clips += [_clip(machine, "test", "normal", number, each) for number, each in enumerate(conditions)]
        faults = _shuffled(rng, _faults(machine, domain))
        for number, (each, fault) in enumerate(zip(_shuffled(rng, conditions), faults, strict=True)):
            clips.append(_clip(machine, "test", "anomaly", number, each, fault))
    return clips + _supplement(machine, seed)


def _conditions(machine: DemoMachine, domain: str, count: int, rng: np.random.Generator) -> list[Condition]:
    """Return conditions that cover all attribute values, SNRs and levels evenly, combined by chance."""
    choices = machine.domains[domain].attributes
    grid = [tuple(zip(choices, values, strict=True)) for values in product(*choices.values())]
    attributes = _shuffled(rng, [grid[index % len(grid)] for index in range(count)])
    ranges = (machine.snr_db, _LEVEL_DB, _OFFSET_STEPS)
    columns = [_shuffled(rng, np.linspace(*limits, count).tolist()) for limits in ranges]
    return [Condition(domain, *row) for row in zip(attributes, *columns, strict=True)]


def _faults(machine: DemoMachine, domain: str) -> list[Fault]:
    """Return every kind of fault in turn, from near inaudible to clear."""
    kinds = machine.kind.FAULTS
    start = 0 if domain == "source" else len(kinds) // 2
    return [Fault(kinds[(start + n) % len(kinds)], (n + 0.5) / TEST_CLIPS) for n in range(TEST_CLIPS)]


def _supplement(machine: DemoMachine, seed: int) -> list[PlannedClip]:
    """Return clips of the machine alone (source domain), or of its surroundings (a third in the target)."""
    rng = rng_for(seed, machine.name, "supplemental")
    sound: Literal["machine", "noise"] = "machine" if machine.supplement == "clean" else "noise"
    if machine.supplement == "clean":
        conditions = _conditions(machine, "source", SUPPLEMENTAL_CLIPS, rng)
        name = "section_00_source_supplemental_machine"
    else:
        target = SUPPLEMENTAL_CLIPS // 3
        conditions = _conditions(machine, "source", SUPPLEMENTAL_CLIPS - target, rng)
        conditions = _shuffled(rng, conditions + _conditions(machine, "target", target, rng))
        name = "section_00_noise_supplemental_normal"
    return [
        PlannedClip("supplemental", f"{name}_{number:04d}.wav", each, None, sound)
        for number, each in enumerate(conditions)
    ]


def _clip(
    machine: DemoMachine, split: str, label: str, number: int, condition: Condition, fault: Fault | None = None
) -> PlannedClip:
    shown = "_".join(f"{name}_{value}" for name, value in condition.attributes)
    ending = "noAttribute" if machine.attributes_hidden else shown
    file_name = f"section_00_{condition.domain}_{split}_{label}_{number:04d}_{ending}.wav"
    return PlannedClip(split, file_name, condition, fault, "both")


def _shuffled(rng: np.random.Generator, items: Sequence[T]) -> list[T]:
    return [items[index] for index in rng.permutation(len(items))]
