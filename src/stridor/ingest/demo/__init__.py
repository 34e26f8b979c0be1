"""Demo data: seven synthetic machines in the layout of DCASE 2025 Task 2, made from how such machines sound.

The synthesis stands on its own: `synthesise(Fan.draw(rng), rng, seconds)` gives any number of other machines.
"""

from stridor.ingest.demo.machine import Fault, Machine, synthesise
from stridor.ingest.demo.machines import Bearing, Fan, Gearbox, Slider, ToyCar, ToyTrain, Valve
from stridor.ingest.demo.microphone import Microphone, digitise, mix
from stridor.ingest.demo.surroundings import Surroundings
from stridor.ingest.demo.writing import DEMO_SEED, MACHINES, generate

__all__ = [
    "DEMO_SEED", "MACHINES", "Bearing", "Fan", "Fault", "Gearbox", "Machine", "Microphone", "Slider", "Surroundings",
    "ToyCar", "ToyTrain", "Valve", "digitise", "generate", "mix", "synthesise",
]  # fmt: skip
