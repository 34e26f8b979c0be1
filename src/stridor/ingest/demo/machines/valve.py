"""Solenoid valve: clicks as it opens and closes in a pattern, and air that escapes after each closing."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stridor.ingest.demo.impacts import Body, since_latest, strikes
from stridor.ingest.demo.machine import Fault, Machine
from stridor.ingest.demo.parts import wandering
from stridor.ingest.demo.settings import setting
from stridor.ingest.demo.signals import SAMPLE_RATE_HZ, coloured_noise, drift, falling, gain, harmonics, turns, unit


@dataclass(frozen=True)
class Valve(Machine):
    """Settings of a valve."""

    unit: int = setting(0, 9999)  # number of the individual valve
    period_seconds: float = setting(0.15, 1.0)  # from one opening to the next
    open_share: float = setting(0.2, 0.7)  # of a period that the valve stays open
    burst: int = setting(0, 6)  # openings in a row, after which one is left out; 0 leaves none out
    release_ms: float = setting(15.0, 90.0)  # time in which the escaping air falls to 1/e
    release_hz: float = setting(800.0, 3500.0)  # lower edge of its hiss
    release_db: float = setting(-18.0, 3.0)  # the air against the clicks
    flow_db: float = setting(-25.0, -6.0)  # air that flows through while open, against the clicks

    FAULTS: ClassVar[tuple[str, ...]] = ("leak", "double_click", "missed_opening", "sticking")

    def sound(self, rng: np.random.Generator, samples: int, fault: Fault) -> np.ndarray:
        seconds = samples / SAMPLE_RATE_HZ
        period = self.period_seconds * rng.uniform(0.98, 1.02)
        count = int(seconds / period) + 4
        openings = (np.arange(count) - 2.0 + rng.random()) * period + rng.normal(0.0, 0.003, count)
        kept = np.ones(count, dtype=bool)
        if self.burst:
            kept = (np.arange(count) + rng.integers(self.burst + 1)) % (self.burst + 1) > 0
        kept &= rng.random(count) >= fault.amount("missed_opening", 0.1, 0.65)
        openings = openings[kept]
        # A sticking piston closes late and unevenly, and lets go of the air slowly.
        stick = fault.amount("sticking", 0.15, 1.0)
        late = stick * period * (1.0 - self.open_share) * rng.uniform(0.1, 0.8, openings.size)
        closings = openings + self.open_share * period + rng.normal(0.0, 0.002, openings.size) + late

        metal = Body(self.unit, 700.0, 7000.0, modes=8, decay_ms=9.0)
        # The spring closes more gently than the coil opens.
        hits = rng.lognormal(0.0, 0.15, 2 * openings.size)
        hits[openings.size :] *= 0.55
        clicks = unit(metal.ring(strikes(np.concatenate([openings, closings]), hits, samples)))
        release_seconds = self.release_ms / 1000.0 * (1.0 + 2.5 * stick)
        release = np.exp(-since_latest(closings, samples) / release_seconds)
        flowing = np.cumsum(strikes(openings, 1.0, samples) - strikes(closings, 1.0, samples))
        air = unit(coloured_noise(rng, samples, 1.0, self.release_hz, 7500.0) * release)
        flow = unit(coloured_noise(rng, samples, -3.0, 300.0, 6000.0) * (flowing - flowing.min()))
        coil = 0.03 * harmonics(turns(np.full(samples, 100.0)), falling(70, 6.0), rng)
        wave = clicks + gain(self.release_db) * air * wandering(rng, samples)
        wave += gain(self.flow_db) * flow * wandering(rng, samples) + coil

        match fault.kind:
            case "leak":
                hiss = coloured_noise(rng, samples, 0.0, 1.2 * self.release_hz, 7800.0)
                wave += fault.level(-20.0, 0.0) * hiss * gain(drift(rng, samples, 1.5))
            case "double_click":
                # The contact bounces: a second, weaker click soon after each.
                again = np.concatenate([openings, closings]) + rng.uniform(0.02, 0.045)
                bounce = metal.ring(strikes(again, hits * rng.lognormal(0.0, 0.3, hits.size), samples))
                wave += fault.level(-12.0, 5.0) * unit(bounce)
        return wave
