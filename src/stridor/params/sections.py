"""The sections of params.yaml as frozen records; their defaults are the report's values where it gives any."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# Stands for no checkpoint. It is a file, because DVC looks at the file that `encoder.checkpoint` names.
NO_CHECKPOINT = "pretrained/none"


class Section(BaseModel):
    """Base of all sections."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FixedSnrs(Section):
    """Signal-to-noise ratios drawn from a list instead of an interval."""

    fixed: Annotated[tuple[float, ...], Field(min_length=1)]


class SnrInterval(Section):
    """Signal-to-noise ratios drawn uniformly from [low_db, high_db]."""

    low_db: float
    high_db: float

    @model_validator(mode="before")
    @classmethod
    def _from_pair(cls, value: object) -> object:
        if isinstance(value, list | tuple) and len(value) == 2:
            return {"low_db": value[0], "high_db": value[1]}
        return value

    @model_validator(mode="after")
    def _in_order(self) -> "SnrInterval":
        if self.low_db > self.high_db:
            raise ValueError(f"the low end {self.low_db} lies above the high end {self.high_db}")
        return self


SnrChoice = SnrInterval | FixedSnrs


class DetectorParams(Section):
    """One detector: the machines that share its encoder, and values that override the general ones."""

    machines: Annotated[tuple[str, ...], Field(min_length=1)]
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    snr_db: SnrChoice | None = None
    # Any others, under their full names, as tuning writes them: {bank.k: 2}.
    overrides: dict[str, bool | int | float | str | list[float]] = {}


class AudioParams(Section):
    """How a recording becomes one channel: the mean of all, or the index of one."""

    channel: Literal["mean"] | Annotated[int, Field(ge=0)] = "mean"


class AugmentParams(Section):
    """Noisy variants of the supplemental clips (METHOD: 9 per clip, literal), and whether training mixes at all."""

    mix: bool = True
    variants: Annotated[int, Field(ge=1)] = 9
    snr_db: SnrChoice = SnrInterval(low_db=-5.0, high_db=20.0)


class EncoderParams(Section):
    """The encoder before fine-tuning: weights from a checkpoint file, or a preset with random or no weights."""

    preset: Literal["mini", "base", "log_mel"] = "mini"
    checkpoint: str = NO_CHECKPOINT


class DecoderParams(Section):
    """The separator that reads the encoder's tokens during training."""

    output: Literal["direct", "mask"] = "direct"
    width: Annotated[int, Field(ge=8)] = 128
    layers: Annotated[int, Field(ge=1)] = 2
    heads: Annotated[int, Field(ge=1)] = 4


class StageParams(Section):
    """One of the two training stages; its learning rate is the training's times a factor (the report's is 1)."""

    epochs: Annotated[int, Field(ge=0)]
    learning_rate_factor: Annotated[float, Field(gt=0)] = 1.0


class TrainingParams(Section):
    """The two-stage training."""

    batch_size: Annotated[int, Field(ge=1)] = 16
    learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    loss: Literal["l1", "mse"] = "l1"
    interferer_weight: Annotated[float, Field(ge=0)] = 0.5
    consistency_weight: Annotated[float, Field(ge=0)] = 0.0
    # Whose embedding of the target counts: the encoder's as it is, or as training started from it.
    consistency_teacher: Literal["current", "initial"] = "current"
    held_out_clips: Annotated[int, Field(ge=0)] = 8
    stage_one: StageParams = StageParams(epochs=50)
    stage_two: StageParams = StageParams(epochs=100)
    precision: Literal["32-true", "16-mixed", "bf16-mixed", "64-true"] = "32-true"


class ComputeParams(Section):
    """Where the work is done; none of it is meant to change more than the last digits of a result."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    num_nodes: Annotated[int, Field(ge=1)] = 1
    strategy: Literal["auto", "ddp"] = "auto"
    loader_workers: Annotated[int, Field(ge=0)] = 0
    # Of the CPU, for each detector; "auto" takes all cores, or what OMP_NUM_THREADS says.
    threads: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"


Pooling = Literal["mean", "gem", "rdp", "bands"]


class EmbeddingParams(Section):
    """Which layer's tokens become a clip's embedding (0 the encoder's input, -1 the last layer), and how."""

    layer: int = -1
    pooling: Pooling = "mean"
    gem_p: Annotated[float, Field(gt=0)] = 3.0
    rdp_gamma: Annotated[float, Field(ge=0)] = 4.0


Metric = Literal["euclidean", "cosine"]
DomainPools = Literal["joint", "separate"]


class BankParams(Section):
    """Distance to the reference bank and the decision threshold."""

    k: Annotated[int, Field(ge=1)] = 1
    metric: Metric = "euclidean"
    # References whose mean distance measures a reference's local density; 0 leaves distances as they are.
    density_neighbours: Annotated[int, Field(ge=0)] = 0
    # Share of target clips among the references that synthetic ones fill up to; 0 adds none.
    target_oversampling: Annotated[float, Field(ge=0, lt=1)] = 0.0
    domains: DomainPools = "joint"
    threshold_percentile: Annotated[float, Field(gt=0, lt=100)] = 90.0


class EvaluationParams(Section):
    """The bootstrap behind every interval."""

    bootstrap: Annotated[int, Field(ge=100)] = 1000
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95


Baseline = Literal["autoencoder_mse", "autoencoder_mahalanobis", "log_mel", "random", "frozen", "stage_one"]


class AutoencoderParams(Section):
    """The organisers' autoencoder; the defaults are theirs."""

    epochs: Annotated[int, Field(ge=1)] = 100
    batch_size: Annotated[int, Field(ge=2)] = 256  # one stack alone has no batch statistics
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.1


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

    trials: Annotated[int, Field(ge=1)] = 20
    objective: Literal["hmean", "normal_only"] = "hmean"
    startup_trials: Annotated[int, Field(ge=1)] = 5
    pruner: Literal["median", "none"] = "median"
    report_epochs: Annotated[int, Field(ge=1)] = 1
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

    layers: Annotated[tuple[int, ...], Field(min_length=1)] = (-1,)
    pooling: Annotated[tuple[Pooling, ...], Field(min_length=1)] = ("mean",)
    metric: Annotated[tuple[Metric, ...], Field(min_length=1)] = ("euclidean",)
    k: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1,)
    density_neighbours: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0,)
    target_oversampling: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(min_length=1)] = (0.0,)
    domains: Annotated[tuple[DomainPools, ...], Field(min_length=1)] = ("joint",)


# A folder, a DVC stage and the head of a column are called by it.
VariantName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]


class TableParams(Section):
    """What `make table` sets beside the full method: variants, by the full names of the values that they change."""

    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0,)
    # Of the full method beside the seed of the pipeline.
    full_seeds: tuple[Annotated[int, Field(ge=0)], ...] = ()
    variants: dict[VariantName, dict[str, bool | int | float | str | list[float]]] = {}

    @field_validator("variants")
    @classmethod
    def _leave_the_name_of_the_full_method(cls, variants: dict[str, object]) -> dict[str, object]:
        if "full" in variants:
            raise ValueError("the full method itself is called full; give the variant another name")
        return variants


class TrackingParams(Section):
    """Where runs are filed in MLflow."""

    experiment: str = "stridor"
