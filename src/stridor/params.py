"""The parameters of params.yaml, read once into frozen records that refuse unknown keys."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stridor.errors import StridorError


class Record(BaseModel):
    """Base of all parameter records."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FixedSnrs(Record):
    """Signal-to-noise ratios drawn from a list instead of an interval."""

    fixed: Annotated[tuple[float, ...], Field(min_length=1)]


class SnrInterval(Record):
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


class DetectorParams(Record):
    """One detector: the machines that share its encoder, and values that override the general ones."""

    machines: Annotated[tuple[str, ...], Field(min_length=1)]
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    snr_db: SnrChoice | None = None


class AudioParams(Record):
    """How a recording becomes one channel: the mean of all, or the index of one."""

    channel: Literal["mean"] | Annotated[int, Field(ge=0)] = "mean"


class AugmentParams(Record):
    """Noisy variants of the supplemental clips (METHOD: 9 per clip, literal)."""

    variants: Annotated[int, Field(ge=1)] = 9
    snr_db: SnrChoice = SnrInterval(low_db=-5.0, high_db=20.0)


class EncoderParams(Record):
    """The encoder before fine-tuning: weights from a BEATs checkpoint, or a preset with random weights."""

    preset: Literal["mini", "base"] = "mini"
    checkpoint: str = "none"


class DecoderParams(Record):
    """The separator that reads the encoder's tokens during training."""

    output: Literal["direct", "mask"] = "direct"
    width: Annotated[int, Field(ge=8)] = 128
    layers: Annotated[int, Field(ge=1)] = 2
    heads: Annotated[int, Field(ge=1)] = 4


class StageParams(Record):
    """One of the two training stages; its learning rate is the training's times a factor (the report's is 1)."""

    epochs: Annotated[int, Field(ge=0)]
    learning_rate_factor: Annotated[float, Field(gt=0)] = 1.0


class TrainingParams(Record):
    """The two-stage training."""

    batch_size: Annotated[int, Field(ge=1)] = 16
    learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    loss: Literal["l1", "mse"] = "l1"
    interferer_weight: Annotated[float, Field(ge=0)] = 0.5
    consistency_weight: Annotated[float, Field(ge=0)] = 0.0
    held_out_clips: Annotated[int, Field(ge=0)] = 8
    stage_one: StageParams = StageParams(epochs=50)
    stage_two: StageParams = StageParams(epochs=100)
    precision: Literal["32-true", "16-mixed", "bf16-mixed", "64-true"] = "32-true"


class ComputeParams(Record):
    """Where the work is done; none of it is meant to change a result."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    num_nodes: Annotated[int, Field(ge=1)] = 1
    strategy: Literal["auto", "ddp"] = "auto"
    loader_workers: Annotated[int, Field(ge=0)] = 0


class EmbeddingParams(Record):
    """Which layer's tokens are averaged into a clip's embedding: 0 the encoder's input, -1 the last layer."""

    layer: int = -1


class BankParams(Record):
    """Distance to the reference bank and the decision threshold."""

    k: Annotated[int, Field(ge=1)] = 1
    metric: Literal["euclidean", "cosine"] = "euclidean"
    threshold_percentile: Annotated[float, Field(gt=0, lt=100)] = 90.0


class EvaluationParams(Record):
    """The bootstrap behind every interval."""

    bootstrap: Annotated[int, Field(ge=100)] = 1000
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95


class TrackingParams(Record):
    """Where runs are filed in MLflow."""

    experiment: str = "stridor"


class Params(Record):
    """All of params.yaml."""

    seed: Annotated[int, Field(ge=0)] = 0
    detectors: Annotated[dict[str, DetectorParams], Field(min_length=1)]
    audio: AudioParams = AudioParams()
    augment: AugmentParams = AugmentParams()
    encoder: EncoderParams = EncoderParams()
    decoder: DecoderParams = DecoderParams()
    training: TrainingParams = TrainingParams()
    compute: ComputeParams = ComputeParams()
    embedding: EmbeddingParams = EmbeddingParams()
    bank: BankParams = BankParams()
    evaluation: EvaluationParams = EvaluationParams()
    tracking: TrackingParams = TrackingParams()

    def for_detector(self, name: str) -> "Params":
        """Return these parameters with the detector's own values put in place of the general ones.

        Raises
        ------
        StridorError
            If there is no such detector.
        """
        if name not in self.detectors:
            raise StridorError(f"params.yaml has no detector '{name}'; its detectors are {', '.join(self.detectors)}.")
        detector = self.detectors[name]
        augment, training = self.augment, self.training
        if detector.snr_db is not None:
            augment = augment.model_copy(update={"snr_db": detector.snr_db})
        if detector.learning_rate is not None:
            training = training.model_copy(update={"learning_rate": detector.learning_rate})
        return self.model_copy(update={"detectors": {name: detector}, "augment": augment, "training": training})


def read_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check a parameter file.

    Raises
    ------
    StridorError
        If the file is missing, is no YAML, or holds an unknown key or a value out of range.
    """
    # ruamel reads YAML 1.2, where 1e-3 is a number; PyYAML takes it for a text.
    from ruamel.yaml import YAML, YAMLError

    try:
        with open(path, encoding="utf-8") as file:
            values = YAML(typ="safe").load(file)
    except FileNotFoundError:
        raise StridorError(f"{path} is missing; run the command in the project's root.") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise StridorError(f"{path} is no valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(values, dict):
        raise StridorError(f"{path} holds no parameters; expected keys such as 'detectors' and 'training'.")
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise StridorError(f"{path}: {_first_problem(error)}.") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    # A union reports each member's complaint under the member's class name, which says nothing to a user.
    where = ".".join(str(part) for part in problem["loc"] if not str(part)[0].isupper())
    if problem["type"] == "extra_forbidden":
        return f"unknown parameter '{where}'; remove it or mend its name"
    return f"parameter '{where}' is {problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
