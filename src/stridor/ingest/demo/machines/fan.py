"""Axial fan: turbulence and the tone of the blades, in a casing, driven by a motor."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stridor.ingest.demo.impacts import Body
from stridor.ingest.demo.machine import Fault, Machine
from stridor.ingest.demo.parts import partials, rattle, running_rate, scrape, wandering
from stridor.ingest.demo.settings import setting
from stridor.ingest.demo.signals import coloured_noise, falling, gain, harmonics, pulse_shape, turns, unit


@dataclass(frozen=True)
class Fan(Machine):
    """Settings of a fan."""

    unit: int = setting(0, 9999)  # number of the individual casing
    rotation_hz: float = setting(12.0, 60.0)  # turns of the rotor per second
    blades: int = setting(3, 9)  # of the rotor
    motor_poles: int = setting(12, 48)  # whine of the motor, in cycles per turn
    tone_db: float = setting(-15.0, 3.0)  # blade tone against turbulence
    flow_hz: float = setting(150.0, 1500.0)  # where the turbulence is strongest

    FAULTS: ClassVar[tuple[str, ...]] = ("imbalance", "blade_damage", "rubbing", "loose_grille")

    def sound(self, rng: np.random.Generator, samples: int, fault: Fault) -> np.ndarray:
        angle = turns(running_rate(rng, samples, self.rotation_hz))
        blade_angle = self.blades * angle
        flow_hz = self.flow_hz * np.exp(rng.normal(0.0, 0.12))
        flow = coloured_noise(rng, samples, -4.0, 0.4 * flow_hz, 8.0 * flow_hz)
        flow = flow * (0.85 + 0.3 * pulse_shape(blade_angle, 2.0)) * wandering(rng, samples)
        tone = unit(harmonics(blade_angle, falling(partials(self.blades * self.rotation_hz, 16), 5.0), rng))
        whine_hz = self.motor_poles * self.rotation_hz
        whine = harmonics(self.motor_poles * angle, falling(partials(whine_hz, 6), 4.0), rng)

        # A lopsided rotor swings the whole machine once per turn, so that flow and blade tone swell and fade.
        swing = 1.0 + fault.amount("imbalance", 0.25, 1.1) * np.cos(2.0 * np.pi * angle)
        shaft = harmonics(angle, falling(12, 2.0), rng) * (0.05 + fault.amount("imbalance", 0.05, 0.6))
        casing = Body(self.unit, 120.0, 5000.0, modes=7, decay_ms=4.0)
        wave = casing.ring((flow + gain(self.tone_db) * tone * wandering(rng, samples)) * swing + shaft)
        wave = unit(wave) + 0.12 * unit(whine) * wandering(rng, samples)

        match fault.kind:
            case "blade_damage":
                # An odd blade is heard once per turn: a whoosh, and every multiple of the rotation.
                tones = unit(harmonics(angle, falling(40, 1.0), rng))
                whoosh = scrape(rng, angle, 500.0, 3500.0, 12.0)
                wave += fault.level(-23.0, -7.0) * (whoosh + 0.8 * tones)
            case "rubbing":
                wave += fault.level(-28.0, -11.0) * scrape(rng, angle, 2500.0, 7000.0, 25.0)
            case "loose_grille":
                grille = Body(self.unit + 1, 1200.0, 6500.0, modes=6, decay_ms=5.0)
                wave += fault.level(-26.0, -9.0) * rattle(rng, samples, grille, 25.0)
        return wave
