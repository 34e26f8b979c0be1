"""Toy car on a stand: a small brushed motor winds up, drives axle and wheels through a pinion, and stops."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stridor.ingest.demo.impacts import Body, crossings, strikes
from stridor.ingest.demo.machine import Fault, Machine
from stridor.ingest.demo.parts import partials, rattle, running_rate, scrape, wandering
from stridor.ingest.demo.settings import setting
from stridor.ingest.demo.signals import (
    SAMPLE_RATE_HZ,
    coloured_noise,
    falling,
    gain,
    harmonics,
    pulse_shape,
    turns,
    unit,
)


@dataclass(frozen=True)
class ToyCar(Machine):
    """Settings of a toy car."""

    unit: int = setting(0, 9999)  # number of the individual car
    motor_hz: float = setting(60.0, 260.0)  # turns of the motor per second
    pinion: int = setting(7, 14)  # teeth on the motor's shaft
    ratio: float = setting(3.0, 9.0)  # turns of the motor per turn of the axle
    brush_db: float = setting(-8.0, 6.0)  # noise of brushes and wheels against the gears

    FAULTS: ClassVar[tuple[str, ...]] = ("bent_axle", "chipped_gear", "coiled_tyre", "loose_body")

    def sound(self, rng: np.random.Generator, samples: int, fault: Fault) -> np.ndarray:
        running = _run(rng, samples)
        rate = running_rate(rng, samples, self.motor_hz) * running
        # A bent axle binds at one point of its turn: the motor labours there, and the gears press harder.
        bend = fault.amount("bent_axle", 0.08, 1.0)
        axle = turns(rate) / self.ratio + rng.random()
        angle = turns(rate * (1.0 + 0.03 * bend * np.cos(2.0 * np.pi * axle)))
        binding = 1.0 + 0.9 * bend * np.cos(2.0 * np.pi * axle)

        amplitudes = falling(partials(self.pinion * self.motor_hz, 8), 4.0 - 2.0 * bend)
        amplitudes = amplitudes * gain(rng.normal(0.0, 2.0, amplitudes.size))
        gears = unit(harmonics(self.pinion * angle, amplitudes, rng) * binding * running)
        # Three coils under two brushes switch six times per turn.
        brushes = coloured_noise(rng, samples, -1.0, 600.0, 7500.0)
        brushes = brushes * (0.6 + 0.8 * pulse_shape(6.0 * angle, 2.0)) * running**1.5
        hum = 0.3 * harmonics(angle, falling(partials(self.motor_hz, 12), 4.0), rng)
        wheels = coloured_noise(rng, samples, -4.0, 80.0, 1500.0)
        wheels = wheels * (0.8 + 0.3 * pulse_shape(axle, 2.0)) * running
        rough = unit(brushes) * wandering(rng, samples) + 0.7 * unit(wheels)
        shell = Body(self.unit, 250.0, 6500.0, modes=8, decay_ms=7.0)
        wave = unit(shell.ring(gears * wandering(rng, samples) + gain(self.brush_db) * rough + hum * running))

        match fault.kind:
            case "bent_axle":
                wave += fault.level(-26.0, -6.0) * unit(scrape(rng, axle, 1000.0, 5000.0, 3.0) * running)
            case "chipped_gear":
                tooth = Body(self.unit + 1, 2000.0, 7500.0, modes=5, decay_ms=3.0)
                times = crossings(axle)
                hits = rng.normal(1.0, 0.15, times.size) * running[(times * SAMPLE_RATE_HZ).astype(np.int64)]
                wave += fault.level(-28.0, -8.0) * unit(tooth.ring(strikes(times, hits, samples)))
            case "coiled_tyre":
                # A ribbon around the tyre slaps the stand twice per turn.
                slap = scrape(rng, 2.0 * axle, 300.0, 2500.0, 8.0) * running**1.5
                wave += fault.level(-20.0, -3.0) * unit(slap)
            case "loose_body":
                lid = Body(self.unit + 1, 800.0, 6500.0, modes=6, decay_ms=7.0)
                wave += fault.level(-22.0, -3.0) * unit(rattle(rng, samples, lid, 120.0) * running)
        return wave


def _run(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Return the speed of a car that is switched on and off again within the clip, from 0 to 1."""
    time = np.arange(samples) / samples
    start, stop = rng.uniform(0.03, 0.18), rng.uniform(0.82, 0.97)
    rising = 1.0 - np.exp(-np.maximum(time - start, 0.0) / 0.025)
    return rising * np.exp(-np.maximum(time - stop, 0.0) / 0.04)
