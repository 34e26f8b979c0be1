"""The mechanisms: one module per kind of machine, each with its settings, its sound and its faults."""

from stridor.ingest.demo.machines.bearing import Bearing
from stridor.ingest.demo.machines.fan import Fan
from stridor.ingest.demo.machines.gearbox import Gearbox
from stridor.ingest.demo.machines.slider import Slider
from stridor.ingest.demo.machines.toycar import ToyCar
from stridor.ingest.demo.machines.toytrain import ToyTrain
from stridor.ingest.demo.machines.valve import Valve

__all__ = ["Bearing", "Fan", "Gearbox", "Slider", "ToyCar", "ToyTrain", "Valve"]
