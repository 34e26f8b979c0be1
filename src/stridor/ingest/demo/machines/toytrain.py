"""Toy train on an oval: it hums past the microphone once per lap, with a clack per axle and rail joint."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stridor.ingest.demo.impacts import Body, crossings, strikes
from stridor.ingest.demo.machine import Fault, Machine
from stridor.ingest.demo.parts import partials, rattle, running_rate, squeal, wandering
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
class ToyTrain(Machine):
    """Settings of a toy train."""

    unit: int = setting(0, 9999)  # number of the individual train
    lap_seconds: float = setting(1.5, 6.0)  # once round
    joints: int = setting(4, 16)  # rail joints per lap
    wagons: int = setting(1, 5)  # each with two axles, the first one driving
    wheel_turns: int = setting(15, 50)  # turns of a wheel per lap
    motor_hz: float = setting(40.0, 160.0)  # turns of the motor per second
    gear_teeth: int = setting(6, 15)  # tone of the gears, in cycles per turn of the motor
    rolling_db: float = setting(-9.0, 6.0)  # rolling noise against the gears
    clack_db: float = setting(-14.0, 2.0)  # rail joints against the gears

    FAULTS: ClassVar[tuple[str, ...]] = ("flat_wheel", "broken_joint", "bent_axle", "curve_squeal")

    def sound(self, rng: np.random.Generator, samples: int, fault: Fault) -> np.ndarray:
        pace = running_rate(rng, samples, 1.0)
        lap = turns(pace / self.lap_seconds) + rng.random()
        wheel = self.wheel_turns * lap
        near = 0.25 + pulse_shape(lap, 3.0)
        bend = fault.amount("bent_axle", 0.1, 1.0)
        wobble = 1.0 + 0.9 * bend * np.cos(2.0 * np.pi * wheel)

        angle = turns(pace * self.motor_hz)
        amplitudes = falling(partials(self.gear_teeth * self.motor_hz, 12), 5.0 - 2.0 * bend)
        amplitudes = amplitudes * gain(rng.normal(0.0, 2.0, amplitudes.size))
        gears = unit(harmonics(self.gear_teeth * angle, amplitudes, rng) * wobble * near)
        gears = gears * wandering(rng, samples)
        hum = 0.3 * harmonics(angle, falling(12, 4.0), rng)
        # High notes beam: they are loud only while the train is close.
        low = coloured_noise(rng, samples, -4.0, 100.0, 1500.0) * near
        high = coloured_noise(rng, samples, 0.0, 1500.0, 7000.0) * near**2.5
        rolling = unit((low + 0.6 * high) * wobble) * wandering(rng, samples)

        body = Body(self.unit, 250.0, 6500.0, modes=9, decay_ms=8.0)
        axles = 0.06 * np.arange(self.wagons)[:, None] + np.array([0.0, 0.022])
        clacks = self._clacks(rng, lap, near, self.joints, axles.ravel())
        wave = unit(body.ring(gears + gain(self.rolling_db) * rolling + hum * near))
        wave += gain(self.clack_db) * unit(body.ring(clacks))

        match fault.kind:
            case "flat_wheel":
                tread = Body(self.unit + 1, 2500.0, 7500.0, modes=5, decay_ms=6.0)
                times = crossings(wheel, rng.random())
                hits = rng.lognormal(0.0, 0.15, times.size) * near[(times * SAMPLE_RATE_HZ).astype(np.int64)]
                wave += fault.level(-22.0, -2.0) * unit(tread.ring(strikes(times, hits, samples)))
            case "broken_joint":
                # A rail end stands up at one joint: every axle hits it, and jumps.
                rail = Body(self.unit + 1, 500.0, 7000.0, modes=7, decay_ms=16.0)
                joint = self._clacks(rng, lap + rng.uniform(-0.15, 0.15), near, 1, axles.ravel())
                wave += fault.level(-14.0, 2.0) * unit(rail.ring(joint))
            case "bent_axle":
                wave += fault.level(-20.0, 0.0) * unit(rattle(rng, samples, body, 80.0) * near)
            case "curve_squeal":
                bends = pulse_shape(2.0 * lap + 0.25, 3.0) * near
                wave += fault.level(-18.0, 3.0) * squeal(rng, bends, rng.uniform(2500.0, 3600.0))
        return wave

    def _clacks(
        self, rng: np.random.Generator, lap: np.ndarray, near: np.ndarray, joints: int, axles: np.ndarray
    ) -> np.ndarray:
        """Return a strike for every axle at every joint, as hard as the train is near."""
        times = np.concatenate([crossings(joints * (lap - axle)) for axle in axles])
        hits = rng.lognormal(0.0, 0.3, times.size) * near[(times * SAMPLE_RATE_HZ).astype(np.int64)]
        return strikes(times, hits, lap.size)
