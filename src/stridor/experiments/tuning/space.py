"""The search space of a study, which maps values suggested by Optuna to parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from stridor.common.errors import StridorError
from stridor.params import Params
from stridor.params.experiments import SearchChoices, SearchRange
from stridor.params.sections import DetectorParams, SnrInterval

if TYPE_CHECKING:
    import optuna

SNR_LOW, SNR_WIDTH = "augment.snr_low_db", "augment.snr_width_db"
LEARNING_RATE = "training.learning_rate"

Value = bool | int | float | str


@dataclass(frozen=True)
class Space:
    """The parameters that a study searches, and the values of all others.

    Attributes
    ----------
    base : Params
        Parameters of one detector, without its own values: those that trials use for everything that is not searched.
    """

    base: Params

    @classmethod
    def of(cls, params: Params, detector: str) -> "Space":
        """Return the space of a detector.

        Parameters
        ----------
        params : Params
            All of params.yaml. The detector's own values are ignored, as they may come from an earlier study: a study
            starts from the general values, replaced by those of `tune.budget` where given.
        detector : str

        Raises
        ------
        StridorError
            If the budget or the search contains an unknown parameter, or a general value is outside of its range.
        """
        params.named_detectors([detector])
        plain = DetectorParams(machines=params.detectors[detector].machines)
        base = params.model_copy(update={"detectors": {detector: plain}, "baselines": ()})
        try:
            space = cls(base.replaced(params.tune.budget))
        except StridorError as error:
            raise StridorError(f"params.yaml, tune.budget: {error}") from None
        space._check()
        return space

    @property
    def search(self) -> Mapping[str, SearchRange | SearchChoices]:
        """Ranges and choices by full parameter name."""
        return self.base.tune.search

    def defaults(self) -> dict[str, Value]:
        """Return the general values of the searched parameters."""
        return {name: self._general(name) for name in self.search}

    def suggest(self, trial: "optuna.trial.BaseTrial") -> dict[str, Value]:
        """Return values suggested by Optuna; numbers are rounded to four digits, as they are written to params.yaml."""
        values: dict[str, Value] = {}
        for name, choice in self.search.items():
            if isinstance(choice, SearchChoices):
                # Optuna's type has None as well, which no choice is.
                values[name] = cast(Value, trial.suggest_categorical(name, choice.choices))
            elif self._is_integer(name):
                low, high, step = int(choice.low), int(choice.high), int(choice.step or 1)
                values[name] = trial.suggest_int(name, low, high, log=choice.log, step=step)
            else:
                drawn = trial.suggest_float(name, choice.low, choice.high, log=choice.log, step=choice.step)
                values[name] = _rounded(drawn)
        return values

    def values(self, trial: "optuna.trial.FrozenTrial") -> dict[str, Value]:
        """Return the values of a finished trial."""
        return {
            name: _rounded(value) if isinstance(value, float) else value
            for name, value in trial.params.items()
            if name in self.search
        }

    def params(self, values: Mapping[str, Value]) -> Params:
        """Return the parameters of a trial.

        Raises
        ------
        StridorError
            If a value is outside of the parameter's valid range.
        """
        own: dict[str, Any] = {name: value for name, value in values.items() if name not in (SNR_LOW, SNR_WIDTH)}
        if interval := self._interval(values):
            own["augment.snr_db"] = interval
        return self.base.replaced(own)

    def detector_params(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """Return what sets these values in the detector's section of params.yaml."""
        entry: dict[str, Any] = {}
        if LEARNING_RATE in values:
            entry["learning_rate"] = values[LEARNING_RATE]
        if interval := self._interval(values):
            entry["snr_db"] = interval
        others = {n: value for n, value in values.items() if n not in (LEARNING_RATE, SNR_LOW, SNR_WIDTH)}
        return entry | ({"overrides": others} if others else {})

    def _interval(self, values: Mapping[str, Value]) -> list[float] | None:
        if not {SNR_LOW, SNR_WIDTH} & values.keys():
            return None
        low: Any = values.get(SNR_LOW, self._general(SNR_LOW))
        width: Any = values.get(SNR_WIDTH, self._general(SNR_WIDTH))
        return [low, _rounded(low + width)]

    def _general(self, name: str) -> Value:
        if name in (SNR_LOW, SNR_WIDTH):
            snr = self.base.augment.snr_db
            if not isinstance(snr, SnrInterval):
                raise StridorError(
                    f"params.yaml, tune.search: {name} searches an interval, but augment.snr_db is a list; write it "
                    "as [low, high]."
                )
            return snr.low_db if name == SNR_LOW else snr.high_db - snr.low_db
        value: Any = self.base.model_dump()
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value:
                raise StridorError(f"params.yaml, tune.search: unknown parameter '{name}'; remove it or fix its name.")
            value = value[part]
        return value

    def _is_integer(self, name: str) -> bool:
        return type(self._general(name)) is int

    def _check(self) -> None:
        for name, choice in self.search.items():
            general = self._general(name)
            if isinstance(choice, SearchChoices):
                inside, values = general in choice.choices, list(choice.choices)
            elif isinstance(general, int | float) and not isinstance(general, bool):
                inside, values = choice.low <= general <= choice.high, [choice.low, choice.high]
                values = [int(value) for value in values] if self._is_integer(name) else values
            else:
                raise StridorError(
                    f"params.yaml, tune.search: {name} is {general!r}, which cannot have a range; give choices: [...]."
                )
            if not inside:
                raise StridorError(
                    f"params.yaml, tune.search: the general value {general} of {name} is outside of {values}; widen "
                    "the search, so that the study can measure the gain of tuning."
                )
            for value in values:
                try:
                    self.params({name: value})
                except StridorError as error:
                    raise StridorError(f"params.yaml, tune.search: {error}") from None


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")
