"""The mechanisms: one module per kind of machine, each with its settings, its sound and its faults."""

from .bearing import Bearing
from .fan import Fan
from .gearbox import Gearbox
from .slider import Slider
from .toycar import ToyCar
from .toytrain import ToyTrain
from .valve import Valve

__all__ = ["Bearing", "Fan", "Gearbox", "Slider", "ToyCar", "ToyTrain", "Valve"]
