"""Ball bearing on a motor: rolling noise, and pits that the balls strike at the rates of its geometry."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stridor.ingest.demo.impacts import Body, crossings, strikes
from stridor.ingest.demo.machine import Fault, Machine
from stridor.ingest.demo.parts import partials, running_rate, squeal, wandering
from stridor.ingest.demo.settings import setting
from stridor.ingest.demo.signals import (
    SAMPLE_RATE_HZ,
    coloured_noise,
    drift,
    falling,
    gain,
    harmonics,
    pulse_shape,
    turns,
    unit,
)


@dataclass(frozen=True)
class Bearing(Machine):
    """Settings of a bearing."""

    unit: int = setting(0, 9999)  # number of the individual housing
    shaft_hz: float = setting(5.0, 45.0)  # turns of the shaft per second
    balls: int = setting(6, 14)  # in the cage
    ball_ratio: float = setting(0.15, 0.4)  # diameter of a ball against that of the circle on which they run
    motor_teeth: int = setting(8, 40)  # tone of the driving motor, in cycles per turn
    motor_db: float = setting(-15.0, 3.0)  # tone of the motor against rolling noise

    FAULTS: ClassVar[tuple[str, ...]] = ("outer_race_pit", "inner_race_pit", "ball_pit", "dry_running")

    def sound(self, rng: np.random.Generator, samples: int, fault: Fault) -> np.ndarray:
        angle = turns(running_rate(rng, samples, self.shaft_hz))
        cage = 0.5 * (1.0 - self.ball_ratio) * angle + rng.random()
        outer_pass = self.balls * cage
        inner_pass = self.balls * (angle - cage)
        ball_spin = (1.0 - self.ball_ratio**2) / self.ball_ratio * angle

        rolling = coloured_noise(rng, samples, -2.0, 300.0, 6500.0)
        rolling = rolling * (0.9 + 0.2 * pulse_shape(outer_pass, 1.5))
        motor_hz = self.motor_teeth * self.shaft_hz
        amplitudes = falling(partials(motor_hz, 10), 4.0)
        amplitudes = amplitudes * gain(rng.normal(0.0, 2.0, amplitudes.size))
        motor = unit(harmonics(self.motor_teeth * angle, amplitudes, rng))
        shaft = 0.1 * harmonics(angle, falling(20, 3.0), rng)
        housing = Body(self.unit, 500.0, 6500.0, modes=7, decay_ms=6.0)
        motor = gain(self.motor_db) * motor * wandering(rng, samples)
        wave = unit(housing.ring(rolling * wandering(rng, samples) + motor + shaft))

        # The balls slip a little, so that their strikes keep no strict time.
        slip = drift(rng, samples, 0.06, knots_per_second=self.shaft_hz)
        # A sharp edge under a ball rings higher than rolling does.
        race = Body(self.unit + 1, 2200.0, 7500.0, modes=5, decay_ms=2.5)
        match fault.kind:
            case "outer_race_pit":
                wave += fault.level(-28.0, -7.0) * _pit(rng, race, outer_pass + slip, np.ones(samples))
            case "inner_race_pit":
                wave += fault.level(-28.0, -7.0) * _pit(rng, race, inner_pass + slip, pulse_shape(angle, 2.0))
            case "ball_pit":
                wave += fault.level(-28.0, -7.0) * _pit(rng, race, ball_spin + slip, pulse_shape(cage, 1.0))
            case "dry_running":
                binding = 0.3 + pulse_shape(cage, 2.0)
                wave += fault.level(-24.0, -4.0) * squeal(rng, binding, rng.uniform(2000.0, 3400.0))
        return wave


def _pit(rng: np.random.Generator, race: Body, passes: np.ndarray, load: np.ndarray) -> np.ndarray:
    """Return the ringing of one pit, struck at every pass as hard as the load on it at that moment."""
    times = crossings(passes)
    strengths = load[(times * SAMPLE_RATE_HZ).astype(np.int64)] * rng.lognormal(0.0, 0.2, times.size)
    return unit(race.ring(strikes(times, strengths, passes.size)))
