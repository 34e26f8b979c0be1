"""Gearbox: a pair of gears whose meshing teeth ring the case, with side bands from both shafts."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stridor.ingest.demo.impacts import Body, crossings, strikes
from stridor.ingest.demo.machine import Fault, Machine
from stridor.ingest.demo.parts import partials, running_rate, scrape, wandering
from stridor.ingest.demo.settings import setting
from stridor.ingest.demo.signals import coloured_noise, drift, falling, gain, harmonics, pulse_shape, turns, unit


@dataclass(frozen=True)
class Gearbox(Machine):
    """Settings of a gearbox."""

    unit: int = setting(0, 9999)  # number of the individual case
    input_hz: float = setting(8.0, 40.0)  # turns of the driving shaft per second
    teeth_in: int = setting(11, 31)  # of the driving and the driven gear
    teeth_out: int = setting(23, 90)
    load: float = setting(0.0, 1.0)  # from 0 (idle) to 1 (rated load)
    oil_db: float = setting(-14.0, 2.0)  # noise of oil and rolling parts against the mesh

    FAULTS: ClassVar[tuple[str, ...]] = ("chipped_tooth", "worn_teeth", "misalignment", "dry_running")

    def sound(self, rng: np.random.Generator, samples: int, fault: Fault) -> np.ndarray:
        angle_in = turns(running_rate(rng, samples, self.input_hz))
        mesh_angle = self.teeth_in * angle_in
        angle_out = mesh_angle / self.teeth_out + rng.random()
        mesh_hz = self.teeth_in * self.input_hz

        # Worn flanks no longer hand over smoothly: the mesh becomes uneven from tooth to tooth, and rough.
        worn = fault.amount("worn_teeth", 0.2, 1.0)
        askew = fault.amount("misalignment", 0.15, 0.85)
        once_in, once_out = np.cos(2.0 * np.pi * angle_in), np.cos(2.0 * np.pi * angle_out)
        uneven = 1.0 + 0.15 * once_in + (0.1 + 0.2 * self.load) * once_out
        uneven = uneven * (1.0 + worn * drift(rng, samples, 0.8, knots_per_second=4.0 * self.input_hz))
        uneven = uneven * (1.0 + askew * once_out)
        amplitudes = falling(partials(mesh_hz, 14), 6.0 - 2.0 * self.load - 3.0 * worn)
        # Shafts out of line press the teeth together twice per mesh.
        amplitudes[1:2] *= 1.0 + 2.0 * askew
        amplitudes = amplitudes * gain(rng.normal(0.0, 1.5, amplitudes.size))
        mesh = unit(harmonics(mesh_angle, amplitudes, rng)) * uneven * wandering(rng, samples)
        shafts = 0.15 * harmonics(angle_in, falling(10, 4.0), rng)
        oil = coloured_noise(rng, samples, -3.0, 150.0, 5000.0) * (0.8 + 0.4 * pulse_shape(mesh_angle, 1.5))
        oil = oil * wandering(rng, samples) * gain(self.oil_db)
        housing = Body(self.unit, 250.0, 5500.0, modes=8, decay_ms=5.0)
        wave = unit(housing.ring(gain(4.0 * self.load) * mesh + oil + shafts))

        match fault.kind:
            case "chipped_tooth":
                times = crossings(angle_in, rng.random())
                chip = housing.ring(strikes(times, rng.normal(1.0, 0.15, times.size), samples))
                wave += fault.level(-20.0, -1.0) * unit(chip)
            case "worn_teeth":
                wave += fault.level(-26.0, -8.0) * scrape(rng, mesh_angle, 1500.0, 6000.0, 2.0)
            case "dry_running":
                wave += fault.level(-26.0, -6.0) * scrape(rng, angle_out, 2500.0, 7500.0, 1.5)
        return wave
