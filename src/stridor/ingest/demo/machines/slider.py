"""Linear slide: a carriage that runs to and fro on a rail, faster and slower, with a knock at every turn."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stridor.ingest.demo.impacts import Body, since_latest, strikes
from stridor.ingest.demo.machine import Fault, Machine
from stridor.ingest.demo.parts import partials, rattle, squeal, wandering
from stridor.ingest.demo.settings import setting
from stridor.ingest.demo.signals import SAMPLE_RATE_HZ, coloured_noise, falling, gain, harmonics, turns, unit


@dataclass(frozen=True)
class Slider(Machine):
    """Settings of a linear slide."""

    unit: int = setting(0, 9999)  # number of the individual rail
    stroke_seconds: float = setting(0.25, 1.2)  # one way, without the pause at its end
    acceleration: float = setting(0.05, 0.45)  # share of a stroke spent speeding up, and again slowing down
    pause_seconds: float = setting(0.02, 0.3)  # standstill after every stroke
    motor_hz: float = setting(150.0, 900.0)  # tone of the drive at full speed
    tone_db: float = setting(-12.0, 3.0)  # the drive against the rolling noise
    knock_db: float = setting(-20.0, 0.0)  # the stop at the end of a stroke against the rolling noise

    FAULTS: ClassVar[tuple[str, ...]] = ("rail_dent", "dry_rail", "late_stroke", "loose_carriage")

    def sound(self, rng: np.random.Generator, samples: int, fault: Fault) -> np.ndarray:
        seconds = samples / SAMPLE_RATE_HZ
        lasting = self.stroke_seconds * rng.uniform(0.98, 1.02)
        count = int(seconds / (lasting + self.pause_seconds)) + 3
        pauses = self.pause_seconds * rng.uniform(0.9, 1.1, count)
        if fault.kind == "late_stroke":
            # The drive hesitates: now and then a stroke starts late.
            late = rng.random(count) < fault.amount("late_stroke", 0.3, 0.8)
            longest = fault.amount("late_stroke", 0.15, 1.6) * lasting
            pauses = pauses + late * rng.uniform(0.3, 1.0, count) * longest
        starts = np.cumsum(pauses + lasting) - rng.random() * 2.0 * lasting - lasting
        # From 0 to 1 within each stroke; between strokes the carriage stands still.
        progress = np.minimum(since_latest(starts, samples) / lasting, 1.0)
        speed = np.minimum(np.minimum(progress, 1.0 - progress) / self.acceleration, 1.0)

        pitch = turns(self.motor_hz * rng.uniform(0.98, 1.02) * speed)
        amplitudes = falling(partials(self.motor_hz, 12), 4.0)
        amplitudes = amplitudes * gain(rng.normal(0.0, 1.5, amplitudes.size))
        tone = unit(harmonics(pitch, amplitudes, rng) * speed) * wandering(rng, samples)
        rolling = unit(coloured_noise(rng, samples, -2.0, 250.0, 6000.0) * speed**1.5)
        rolling = rolling * wandering(rng, samples)
        rail = Body(self.unit, 200.0, 6000.0, modes=8, decay_ms=6.0)
        ends = starts + lasting
        knocks = unit(rail.ring(strikes(ends, rng.lognormal(0.0, 0.2, count), samples)))
        wave = unit(rail.ring(rolling + gain(self.tone_db) * tone)) + gain(self.knock_db) * knocks

        match fault.kind:
            case "rail_dent":
                # The dent stays where it is: early in one direction, late in the other.
                place = 0.3 + 0.4 * np.random.default_rng(self.unit).random()
                passing = np.where(np.arange(count) % 2 == 0, place, 1.0 - place)
                bumps = np.concatenate([starts + lasting * passing, starts + lasting * passing + 0.018])
                dent = Body(self.unit + 1, 1800.0, 7500.0, modes=5, decay_ms=8.0)
                bumps = dent.ring(strikes(bumps, rng.lognormal(0.0, 0.2, bumps.size), samples))
                wave += fault.level(-20.0, 0.0) * unit(bumps)
            case "dry_rail":
                wave += fault.level(-22.0, 0.0) * squeal(rng, speed**2, rng.uniform(1500.0, 2600.0))
            case "loose_carriage":
                play = Body(self.unit + 1, 900.0, 6500.0, modes=6, decay_ms=4.0)
                moving = rattle(rng, samples, play, 60.0) * (0.15 + speed)
                wave += fault.level(-18.0, 4.0) * unit(moving)
        return wave
