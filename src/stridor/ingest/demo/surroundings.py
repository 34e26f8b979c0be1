"""Factory noise: ventilation, mains hum, a neighbouring machine, bursts of air and distant clanks."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from stridor.ingest.demo.impacts import Body, random_times, strikes
from stridor.ingest.demo.parts import partials, running_rate, wandering
from stridor.ingest.demo.settings import Settings, setting
from stridor.ingest.demo.signals import (
    SAMPLE_RATE_HZ,
    coloured_noise,
    falling,
    gain,
    harmonics,
    pulse_shape,
    sample_count,
    turns,
    unit,
)


@dataclass(frozen=True)
class Surroundings(Settings):
    """Settings of a place; every level is relative to its ventilation."""

    unit: int = setting(0, 9999)  # number of the place, which decides how its metal parts ring
    tilt_db_per_octave: float = setting(-7.0, -1.0)  # colour of the ventilation
    hum_hz: float = setting(49.0, 61.0)  # mains, with harmonics
    hum_db: float = setting(-40.0, -6.0)
    neighbour_hz: float = setting(15.0, 90.0)  # a machine next door, by its rotation
    neighbour_db: float = setting(-25.0, 0.0)
    beat_hz: float = setting(0.5, 12.0)  # strokes of that machine per second
    air_per_second: float = setting(0.0, 1.0)  # bursts from air guns and cylinders
    air_db: float = setting(-20.0, 3.0)
    clanks_per_second: float = setting(0.0, 2.0)  # metal on metal, far away; the level is that of their peaks
    clank_db: float = setting(-10.0, 22.0)

    def noise(self, rng: np.random.Generator, seconds: float) -> np.ndarray:
        """Return one clip of the place with no machine of ours running, ndarray[T], 16 kHz, of unit rms."""
        samples = sample_count(seconds)
        wave = coloured_noise(rng, samples, self.tilt_db_per_octave, 40.0, 7000.0) * wandering(rng, samples)
        mains = harmonics(turns(np.full(samples, self.hum_hz)), falling(14, 3.0), rng)
        wave += gain(self.hum_db) * unit(mains) * wandering(rng, samples)
        wave += gain(self.neighbour_db) * self._neighbour(rng, samples) * wandering(rng, samples, 3.0)
        wave += gain(self.air_db) * self._air(rng, samples)
        metal = Body(self.unit, 400.0, 4500.0, modes=9, decay_ms=35.0)
        times = random_times(rng, self.clanks_per_second, seconds)
        # By the peak of one clank, not the power of the clip, so that a clip with a single clank stays quiet.
        loudness = rng.lognormal(0.0, 0.5, times.size) / np.max(np.abs(metal.response()))
        wave += gain(self.clank_db) * metal.ring(strikes(times, loudness, samples))
        return unit(wave)

    def _neighbour(self, rng: np.random.Generator, samples: int) -> np.ndarray:
        """Return a machine next door: tones of its rotation, and a band of noise that beats."""
        angle = turns(running_rate(rng, samples, self.neighbour_hz))
        amplitudes = falling(partials(self.neighbour_hz), 2.0)
        amplitudes = amplitudes * gain(np.random.default_rng(self.unit).normal(0.0, 8.0, amplitudes.size))
        beat = turns(running_rate(rng, samples, self.beat_hz, 0.1)) + rng.random()
        strokes = coloured_noise(rng, samples, -2.0, 400.0, 3500.0) * (0.2 + pulse_shape(beat, 3.0))
        return unit(harmonics(angle, amplitudes, rng)) + unit(strokes)

    def _air(self, rng: np.random.Generator, samples: int) -> np.ndarray:
        """Return bursts of air; most clips hold one or none."""
        envelope = np.zeros(samples)
        time = np.arange(samples) / SAMPLE_RATE_HZ
        for start in random_times(rng, self.air_per_second, samples / SAMPLE_RATE_HZ):
            stop = start + rng.uniform(0.15, 0.9)
            loudness = rng.lognormal(-0.3, 0.5)
            envelope += loudness * expit((time - start) / 0.01) * expit((stop - time) / 0.03)
        return coloured_noise(rng, samples, 1.0, 700.0, 7000.0) * envelope
