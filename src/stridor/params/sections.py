"""The sections of params.yaml as frozen records; their defaults are the report's values where it gives any."""

from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from stridor.params.names import check_distinct, check_name
from stridor.params.section import MOST_CLIPS, Section

# What every library that draws numbers takes.
LARGEST_SEED = 2**32 - 1
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
# A recording of 24 bits spans 144 dB; beyond that, one of the two signals is lost in rounding.
Snr = Annotated[float, Field(ge=-150, le=150)]
Name = Annotated[str, AfterValidator(check_name)]

# Stands for no checkpoint. It is a file, because DVC looks at the files that `encoder` and `tagger` name.
NO_CHECKPOINT = "pretrained/none"


class FixedSnrs(Section):
    """Signal-to-noise ratios drawn from a list instead of an interval."""

    fixed: Annotated[tuple[Snr, ...], Field(min_length=1)]


class SnrInterval(Section):
    """Signal-to-noise ratios drawn uniformly from [low_db, high_db]."""

    low_db: Snr
    high_db: Snr

    @model_validator(mode="before")
    @classmethod
    def _from_pair(cls, value: object) -> object:
        if isinstance(value, list | tuple) and len(value) == 2:
            return {"low_db": value[0], "high_db": value[1]}
        if not isinstance(value, dict | SnrInterval):
            raise ValueError("expected [low, high] or {fixed: [one, another]}")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> "SnrInterval":
        if self.low_db > self.high_db:
            raise ValueError(f"the low end {self.low_db} lies above the high end {self.high_db}")
        return self


SnrChoice = SnrInterval | FixedSnrs


# Above this, weights are lost in one step.
LearningRate = Annotated[float, Field(gt=0, le=100)]


class DetectorParams(Section):
    """One detector: the machines that share its encoder, and values that override the general ones."""

    machines: Annotated[tuple[Name, ...], Field(min_length=1)]
    learning_rate: LearningRate | None = None
    snr_db: SnrChoice | None = None
    # Any others, under their full names, as tuning writes them: {bank.k: 2}.
    overrides: dict[str, bool | int | float | str | list[float]] = Field(default={})

    @field_validator("machines")
    @classmethod
    def _each_once(cls, machines: tuple[str, ...]) -> tuple[str, ...]:
        check_distinct(machines)
        return machines


class AudioParams(Section):
    """How a recording becomes one channel: the mean of all, or the index of one."""

    channel: Literal["mean"] | Annotated[int, Field(ge=0)] = "mean"


Interferer = Annotated[str, Field(min_length=1, max_length=1000)]


class AugmentParams(Section):
    """Noisy variants of the supplemental clips (METHOD: 9 per clip, literal), and whether training mixes at all."""

    mix: bool = True
    variants: Annotated[int, Field(ge=1, le=1000)] = 9
    snr_db: SnrChoice = SnrInterval(low_db=-5.0, high_db=20.0)
    # noise, white, machines or folders; see `stridor.data.interferers`.
    interferers: Annotated[tuple[Interferer, ...], Field(min_length=1, max_length=100)] = ("noise",)
    unmixed: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @field_validator("interferers")
    @classmethod
    def _each_once(cls, interferers: tuple[str, ...]) -> tuple[str, ...]:
        if repeated := [one for one in interferers if interferers.count(one) > 1]:
            raise ValueError(f"'{repeated[0]}' is listed more than once; remove one")
        return interferers


def _check_file(checkpoint: str) -> str:
    if not checkpoint.isprintable() or PurePath(checkpoint).name in ("", "..") or checkpoint.isspace():
        raise ValueError(f"this cannot be a file; give the path of a checkpoint, or {NO_CHECKPOINT}")
    return checkpoint


Checkpoint = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_check_file)]


class EncoderParams(Section):
    """The encoder before fine-tuning, from a checkpoint file or a preset with random or no weights, and what learns."""

    preset: Literal["mini", "base", "log_mel"] = "mini"
    checkpoint: Checkpoint = NO_CHECKPOINT
    # What learns: all weights, those of the last layers, or blocks beside the frozen layers.
    adapt: Literal["full", "last_layers", "side"] = "full"
    adapt_layers: Annotated[int, Field(ge=1, le=200)] = 2
    side_width: Annotated[int, Field(ge=8, le=8192, multiple_of=4)] = 128


class TaggerParams(Section):
    """A second encoder, a network that was trained for audio tagging; it is used as it is."""

    checkpoint: Checkpoint = NO_CHECKPOINT


Target = Literal["log_mel", "representation"]


class DecoderParams(Section):
    """The separator that reads the encoder's tokens during training."""

    # What training reconstructs: log-mel images alone, or mainly the initial encoder's tokens of the clean clip.
    target: Target = "log_mel"
    output: Literal["direct", "mask"] = "direct"
    width: Annotated[int, Field(ge=8, le=8192)] = 128
    layers: Annotated[int, Field(ge=1, le=64)] = 2
    heads: Annotated[int, Field(ge=1, le=128)] = 4

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> "DecoderParams":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}; change one of them")
        return self


MOST_EPOCHS = 100_000


class StageParams(Section):
    """One of the two training stages; its learning rate is the training's times a factor (the report's is 1)."""

    epochs: Annotated[int, Field(ge=0, le=MOST_EPOCHS)]
    learning_rate_factor: Annotated[float, Field(gt=0, le=1e6)] = 1.0


class TrainingParams(Section):
    """The two-stage training."""

    batch_size: Annotated[int, Field(ge=1, le=MOST_CLIPS)] = 16
    learning_rate: LearningRate = 1e-5
    weight_decay: Annotated[float, Field(ge=0, le=100)] = 0.01
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    loss: Literal["l1", "mse"] = "l1"
    interferer_weight: Annotated[float, Field(ge=0, le=1e6)] = 0.5
    consistency_weight: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    # Whose embedding of the target counts: the encoder's as it is, or as training started from it.
    consistency_teacher: Literal["current", "initial"] = "current"
    # Share of the interferer's representation in the target, where that is one.
    retain: Annotated[float, Field(ge=0, lt=1)] = 0.0
    held_out_clips: Annotated[int, Field(ge=0, le=MOST_CLIPS)] = 8
    stage_one: StageParams = StageParams(epochs=50)
    stage_two: StageParams = StageParams(epochs=100)
    precision: Literal["32-true", "16-mixed", "bf16-mixed", "64-true"] = "32-true"


class ComputeParams(Section):
    """Where the work is done; none of it is meant to change more than the last digits of a result."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: Literal["auto"] | Annotated[int, Field(ge=1, le=1024)] = "auto"
    num_nodes: Annotated[int, Field(ge=1, le=4096)] = 1
    strategy: Literal["auto", "ddp"] = "auto"
    loader_workers: Annotated[int, Field(ge=0, le=256)] = 0
    # Of the CPU, for each detector; "auto" takes all cores, or what OMP_NUM_THREADS says.
    threads: Literal["auto"] | Annotated[int, Field(ge=1, le=1024)] = "auto"
    # The same bits on every x86-64 processor with AVX2, at a quarter more time.
    reproducible: bool = False
    # In the backward pass, values inside of the encoder's layers are computed again instead of being kept.
    gradient_checkpointing: bool = False

    @model_validator(mode="after")
    def _settled_where_bits_must_be(self) -> "ComputeParams":
        if self.reproducible and (self.threads == "auto" or self.accelerator != "cpu"):
            raise ValueError("reproducible needs a number of threads and the accelerator cpu")
        return self


class EvaluationParams(Section):
    """The bootstrap behind every interval."""

    bootstrap: Annotated[int, Field(ge=100, le=100_000)] = 1000
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95


Baseline = Literal[
    "autoencoder_mse", "autoencoder_mahalanobis", "log_mel", "log_mel_mahalanobis", "tagger", "random", "frozen",
    "stage_one",
]  # fmt: skip


class RegisterParams(Section):
    """Which system is registered and served: one by its name, what `bank.views` says, or the one that merit says."""

    # configured: the joined views where there are any, else the fine-tuned encoder. best: the rule of
    # `stages.merit`, which looks at the labels of the test clips.
    system: Literal["configured", "best", "joined", "fine_tuned"] | Baseline = "configured"


class AutoencoderParams(Section):
    """The organisers' autoencoder; the defaults are theirs."""

    epochs: Annotated[int, Field(ge=1, le=MOST_EPOCHS)] = 100
    batch_size: Annotated[int, Field(ge=2, le=MOST_CLIPS)] = 256  # one stack alone has no batch statistics
    learning_rate: LearningRate = 1e-3
    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.1


class TrackingParams(Section):
    """Where runs are filed in MLflow."""

    experiment: Annotated[str, Field(min_length=1, max_length=200)] = "stridor"

    @field_validator("experiment")
    @classmethod
    def _names_a_folder(cls, experiment: str) -> str:
        # Its artefacts lie in a folder of this name.
        if not experiment.isprintable() or experiment.strip(" ") != experiment or experiment in (".", ".."):
            raise ValueError("this is not a name of an experiment; give letters or digits, without spaces around them")
        return experiment
