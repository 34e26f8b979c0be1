"""The seven demo machines: what their attributes mean, where they stand, how long they are heard."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from stridor.ingest.demo.machine import Machine
from stridor.ingest.demo.machines import Bearing, Fan, Gearbox, Slider, ToyCar, ToyTrain, Valve
from stridor.ingest.demo.microphone import Microphone
from stridor.ingest.demo.surroundings import Surroundings

Values = Mapping[str, str]


@dataclass(frozen=True)
class Domain:
    """One set of circumstances: the attribute values that occur, the place, the microphone."""

    attributes: Mapping[str, tuple[str, ...]]
    surroundings: Surroundings
    microphone: Microphone


@dataclass(frozen=True)
class DemoMachine:
    """One machine of the demo."""

    name: str  # of its folder
    clip_seconds: float  # length of all its clips
    supplement: Literal["noise", "clean"]  # whether its supplemental clips hold the surroundings or the machine alone
    kind: type[Machine]  # its mechanism
    settings: Callable[[Values], Machine]  # what its attribute values mean
    domains: Mapping[str, Domain]  # source and target
    snr_db: tuple[float, float]  # range of the machine against its surroundings
    attributes_hidden: bool = False  # file names say `noAttribute`, as for some machines of DCASE 2025


_SOURCE_HALL = Surroundings(
    unit=1, tilt_db_per_octave=-4.0, hum_hz=50.0, hum_db=-16.0,
    neighbour_hz=24.0, neighbour_db=-12.0, beat_hz=3.0,
    air_per_second=0.08, air_db=-6.0, clanks_per_second=0.6, clank_db=18.0,
)  # fmt: skip
_TARGET_HALL = Surroundings(
    unit=2, tilt_db_per_octave=-3.7, hum_hz=60.0, hum_db=-14.0,
    neighbour_hz=57.0, neighbour_db=-10.0, beat_hz=7.0,
    air_per_second=0.12, air_db=-6.0, clanks_per_second=0.8, clank_db=18.0,
)  # fmt: skip
_SOURCE_MICROPHONE = Microphone(
    unit=1, tilt_db_per_octave=0.2, low_cut_hz=40.0, presence_hz=3000.0, presence_db=1.0, room_decay_ms=20.0,
    room_db=-14.0,
)  # fmt: skip
_TARGET_MICROPHONE = Microphone(
    unit=2, tilt_db_per_octave=0.0, low_cut_hz=50.0, presence_hz=1500.0, presence_db=1.0, room_decay_ms=30.0,
    room_db=-12.0,
)  # fmt: skip


def _domains(
    place: int, source: Mapping[str, tuple[str, ...]], target: Mapping[str, tuple[str, ...]]
) -> dict[str, Domain]:
    """Return both domains of a machine that stands at its own place in either hall."""
    other = place + 100
    return {
        "source": Domain(source, replace(_SOURCE_HALL, unit=place), replace(_SOURCE_MICROPHONE, unit=place)),
        "target": Domain(target, replace(_TARGET_HALL, unit=other), replace(_TARGET_MICROPHONE, unit=other)),
    }


def _toy_unit(model: str) -> int:
    """Return the number of a toy from its letter and digit, such as B2."""
    return 10 * (ord(model[0]) - ord("A")) + int(model[1])


def _toy_car(values: Values) -> ToyCar:
    volt = float(values["spd"].removesuffix("V"))
    unit = _toy_unit(values["car"])
    return ToyCar(unit=unit, motor_hz=4.4 * volt, pinion=8 + unit // 10, ratio=5.2, brush_db=4.0)


def _toy_train(values: Values) -> ToyTrain:
    speed = float(values["spd"])
    return ToyTrain(
        unit=200 + _toy_unit(values["car"]), lap_seconds=22.0 / speed, joints=8, wagons=3, wheel_turns=28,
        motor_hz=9.0 * speed, gear_teeth=9, rolling_db=0.0, clack_db=-8.0,
    )  # fmt: skip


def _bearing(values: Values) -> Bearing:
    return Bearing(
        unit=300 + ord(values["loc"]), shaft_hz=float(values["vel"]), balls=9, ball_ratio=0.26,
        motor_teeth=24, motor_db=-5.0,
    )  # fmt: skip


def _fan(values: Values) -> Fan:
    model = "WXYZ".index(values["m-n"])
    return Fan(
        unit=400 + model, rotation_hz=(26.0, 28.5, 27.0, 29.0)[model], blades=5 + model % 2, motor_poles=24,
        tone_db=-5.0, flow_hz=500.0 + 40.0 * model,
    )  # fmt: skip


def _gearbox(values: Values) -> Gearbox:
    return Gearbox(
        unit=500, input_hz=12.0 * float(values["volt"]), teeth_in=17, teeth_out=43,
        load=float(values["wt"]) / 200.0, oil_db=-4.0,
    )  # fmt: skip


def _slider(values: Values) -> Slider:
    speed = float(values["vel"])
    return Slider(
        unit=600, stroke_seconds=330.0 / speed, acceleration=float(values["ac"]), pause_seconds=0.1,
        motor_hz=0.6 * speed, tone_db=-4.0, knock_db=-9.0,
    )  # fmt: skip


def _valve(values: Values) -> Valve:
    period_seconds, open_share, burst = {
        "00": (0.30, 0.40, 0), "01": (0.42, 0.50, 4), "02": (0.36, 0.45, 3), "03": (0.33, 0.40, 5)
    }[values["pat"]]  # fmt: skip
    return Valve(
        unit=700, period_seconds=period_seconds, open_share=open_share, burst=burst, release_ms=40.0,
        release_hz=1800.0, release_db=0.0, flow_db=-10.0,
    )  # fmt: skip


CATALOGUE = (
    DemoMachine(
        "ToyCar", 5.0, "clean", ToyCar, _toy_car,
        _domains(
            11,
            {"car": ("A1", "B1", "C1"), "spd": ("28V", "31V", "34V"), "mic": ("1",)},
            {"car": ("D1",), "spd": ("30V", "33V"), "mic": ("2",)},
        ),
        snr_db=(2.0, 8.0),
    ),
    DemoMachine(
        "ToyTrain", 4.8, "noise", ToyTrain, _toy_train,
        _domains(
            12,
            {"car": ("A1", "B1", "C1"), "spd": ("7", "8", "9"), "mic": ("1",)},
            {"car": ("D1",), "spd": ("7", "10"), "mic": ("2",)},
        ),
        snr_db=(2.0, 8.0),
    ),
    DemoMachine(
        "bearing", 3.2, "clean", Bearing, _bearing,
        _domains(
            13,
            {"vel": ("9", "13", "17", "21"), "loc": ("A", "B")},
            {"vel": ("9", "13", "21"), "loc": ("C",)},
        ),
        snr_db=(2.0, 8.0),
    ),
    DemoMachine(
        "fan", 3.4, "noise", Fan, _fan,
        _domains(14, {"m-n": ("W", "X")}, {"m-n": ("Y", "Z")}),
        snr_db=(2.0, 8.0), attributes_hidden=True,
    ),
    DemoMachine(
        "gearbox", 4.0, "noise", Gearbox, _gearbox,
        _domains(
            15,
            {"volt": ("1.0", "1.5", "2.0"), "wt": ("0", "50", "100")},
            {"volt": ("1.5",), "wt": ("30", "70", "130")},
        ),
        snr_db=(2.0, 8.0),
    ),
    DemoMachine(
        "slider", 3.6, "noise", Slider, _slider,
        _domains(
            16,
            {"vel": ("500", "600", "700", "800"), "ac": ("0.05", "0.11", "0.30")},
            {"vel": ("550", "650", "750"), "ac": ("0.08", "0.20")},
        ),
        snr_db=(2.0, 8.0), attributes_hidden=True,
    ),
    DemoMachine(
        "valve", 3.8, "clean", Valve, _valve,
        _domains(17, {"pat": ("00", "01")}, {"pat": ("02", "03")}),
        snr_db=(2.0, 8.0),
    ),
)  # fmt: skip
