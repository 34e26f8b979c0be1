"""The sections of params.yaml about what is tried beside the pipeline: studies, sweeps and tables."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from stridor.params.scoring_sections import BandSearch, DensityMean, DomainPools, Layer, Metric, Pooling, TargetShare
from stridor.params.section import MOST_CLIPS, Section
from stridor.params.sections import Seed


class SearchRange(Section):
    """Numbers that a study draws from: all between two ends, or those `step` apart."""

    low: float
    high: float
    log: bool = False
    step: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _possible(self) -> "SearchRange":
        if self.low >= self.high:
            raise ValueError(f"the low end {self.low} must lie below the high end {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("a logarithmic range needs a low end above 0 and takes no step")
        return self


class SearchChoices(Section):
    """Values that a study picks from."""

    choices: Annotated[tuple[bool | int | float | str, ...], Field(min_length=2)]


class TuneParams(Section):
    """A study: what it searches, on what budget, and by what it judges."""

    trials: Annotated[int, Field(ge=1, le=100_000)] = 20
    objective: Literal["hmean", "normal_only", "pseudo_auc"] = "hmean"
    startup_trials: Annotated[int, Field(ge=1, le=100_000)] = 5
    pruner: Literal["median", "none"] = "median"
    report_epochs: Annotated[int, Field(ge=1, le=100_000)] = 1
    budget: dict[str, bool | int | float | str | list[float]] = {}
    search: Annotated[dict[str, SearchRange | SearchChoices], Field(min_length=1)] = {
        "training.learning_rate": SearchRange(low=1e-6, high=1e-4, log=True),
        "augment.snr_low_db": SearchRange(low=-15.0, high=5.0),
        "augment.snr_width_db": SearchRange(low=0.0, high=30.0),
    }

    @property
    def judged_by_labels(self) -> bool:
        """Whether the objective looks at labelled test clips."""
        return self.objective == "hmean"


class SweepParams(Section):
    """What `make sweep` combines, a list for each scoring option; the literal setting always takes part."""

    layers: Annotated[tuple[Layer, ...], Field(min_length=1)] = (-1,)
    pooling: Annotated[tuple[Pooling, ...], Field(min_length=1)] = ("mean",)
    metric: Annotated[tuple[Metric, ...], Field(min_length=1)] = ("euclidean",)
    k: Annotated[tuple[Annotated[int, Field(ge=1, le=MOST_CLIPS)], ...], Field(min_length=1)] = (1,)
    density_neighbours: Annotated[tuple[Annotated[int, Field(ge=0, le=MOST_CLIPS)], ...], Field(min_length=1)] = (0,)
    target_oversampling: Annotated[tuple[TargetShare, ...], Field(min_length=1)] = (0.0,)
    domains: Annotated[tuple[DomainPools, ...], Field(min_length=1)] = ("joint",)
    density_mean: Annotated[tuple[DensityMean, ...], Field(min_length=1)] = ("arithmetic",)
    bands: Annotated[tuple[BandSearch, ...], Field(min_length=1)] = ("joint",)


# A folder, a DVC stage and the head of a column are called by it.
VariantName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]


class TableParams(Section):
    """What `make table` sets beside the full method: variants, by the full names of the values that they change."""

    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    # Of the full method beside the seed of the pipeline.
    full_seeds: tuple[Seed, ...] = ()
    variants: dict[VariantName, dict[str, bool | int | float | str | list[float]]] = {}

    @field_validator("variants")
    @classmethod
    def _leave_the_name_of_the_full_method(cls, variants: dict[str, object]) -> dict[str, object]:
        if "full" in variants:
            raise ValueError("the full method itself is called full; give the variant another name")
        return variants
