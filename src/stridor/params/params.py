"""The parameters of params.yaml, read once into frozen records that refuse unknown keys."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from stridor.common.errors import StridorError
from stridor.params.experiments import SweepParams, TableParams, TuneParams
from stridor.params.names import check_distinct
from stridor.params.problems import first_problem
from stridor.params.scoring_sections import BAND_POOLINGS, BankParams, EmbeddingParams, scorings_of
from stridor.params.section import Section
from stridor.params.sections import (
    NO_CHECKPOINT,
    AudioParams,
    AugmentParams,
    AutoencoderParams,
    Baseline,
    ComputeParams,
    DecoderParams,
    DetectorParams,
    EncoderParams,
    EvaluationParams,
    Name,
    RegisterParams,
    Seed,
    TaggerParams,
    TrackingParams,
    TrainingParams,
)

PARAMS = Path("params.yaml")  # in the project's root

# Every section is in one of these. What a training learns from:
TRAINING_SECTIONS = ("seed", "detectors", "audio", "augment", "encoder", "decoder", "training")
# What decides the scores of a trained encoder:
SCORING_SECTIONS = ("tagger", "embedding", "bank")
# What is scored beside it, how closely all are measured, and which of them is served:
EVALUATION_SECTIONS = ("baselines", "autoencoder", "evaluation", "register")
# Where work is done and logged:
ENVIRONMENT_SECTIONS = ("compute", "tracking")
# What is tried beside the pipeline:
EXPERIMENT_SECTIONS = ("tune", "sweep", "table")

# A section may be called like the method that abstract classes, not their instances, have.
warnings.filterwarnings("ignore", 'Field name "register" in "Params" shadows', UserWarning)


class Params(Section):
    """All of params.yaml."""

    seed: Seed = 0
    detectors: Annotated[dict[Name, DetectorParams], Field(min_length=1)]
    audio: AudioParams = AudioParams()
    augment: AugmentParams = AugmentParams()
    encoder: EncoderParams = EncoderParams()
    decoder: DecoderParams = DecoderParams()
    training: TrainingParams = TrainingParams()
    compute: ComputeParams = ComputeParams()
    tagger: TaggerParams = TaggerParams()
    embedding: EmbeddingParams = EmbeddingParams()
    bank: BankParams = BankParams()
    baselines: tuple[Baseline, ...] = get_args(Baseline)
    autoencoder: AutoencoderParams = AutoencoderParams()
    evaluation: EvaluationParams = EvaluationParams()
    tracking: TrackingParams = TrackingParams()
    register: RegisterParams = RegisterParams()
    tune: TuneParams = TuneParams()
    sweep: SweepParams = SweepParams()
    table: TableParams = TableParams()

    @field_validator("detectors")
    @classmethod
    def _each_its_folder(cls, detectors: dict[str, DetectorParams]) -> dict[str, DetectorParams]:
        check_distinct(detectors)
        return detectors

    @model_validator(mode="after")
    def _mixes_what_it_separates(self) -> "Params":
        if not self.augment.mix and self.training.interferer_weight:
            raise ValueError("without mixing there is no interferer; set training.interferer_weight to 0 as well")
        return self

    @model_validator(mode="after")
    def _matches_representations_of_mixtures(self) -> "Params":
        represents = self.decoder.target == "representation"
        if represents and not self.augment.mix:
            raise ValueError("decoder.target representation is learnt from mixtures; set augment.mix to true")
        if represents and self.training.consistency_weight:
            raise ValueError(
                "training.consistency_weight has no meaning with decoder.target representation, which compares with "
                "the initial encoder already; set it to 0"
            )
        if self.encoder.adapt == "side" and not represents:
            raise ValueError(
                "encoder.adapt side learns a correction of every layer, which the target log_mel does not see; set "
                "decoder.target to representation"
            )
        if self.training.retain and not represents:
            raise ValueError("training.retain needs decoder.target representation; set it to 0, or that target")
        return self

    @model_validator(mode="after")
    def _computes_where_it_can(self) -> "Params":
        precision = self.embedding.precision
        if precision == "int8" and self.compute.accelerator != "cpu":
            raise ValueError("embedding.precision int8 is for the processor; set compute.accelerator to cpu")
        if precision != "float32" and self.compute.reproducible:
            raise ValueError(
                f"compute.reproducible is known to hold in float32 only, and embedding.precision is {precision}; "
                "change one of them"
            )
        return self

    @model_validator(mode="after")
    def _has_the_tagger_that_it_hears(self) -> "Params":
        if self.tagger.checkpoint == NO_CHECKPOINT and any(view.encoder == "tagger" for view in self.bank.views):
            raise ValueError("a view of bank.views is of the tagger, but tagger.checkpoint names none; set it to one")
        return self

    @model_validator(mode="after")
    def _searches_bands_that_it_has(self) -> "Params":
        for way, bank in scorings_of(self.embedding, self.bank):
            if (bank.bands == "patches") != (way.pooling == "patches"):
                raise ValueError(
                    f"the pooling is {way.pooling} and bank.bands is {bank.bands}; patches are compared one by one, so "
                    "set both to patches, or neither"
                )
            if bank.bands == "patches" and (bank.metric == "whitened" or bank.target_oversampling):
                raise ValueError(
                    "patches have no covariance to be whitened by, and no synthetic clips are made of them; set "
                    "bank.metric to euclidean or cosine and bank.target_oversampling to 0"
                )
            if bank.bands == "separate" and way.pooling not in BAND_POOLINGS:
                raise ValueError(
                    f"bank.bands is separate, but the pooling {way.pooling} leaves no bands; set it to "
                    f"{' or '.join(BAND_POOLINGS)}, or bank.bands to joint"
                )
        return self

    def named_detectors(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names of detectors that were given, or those of all detectors if none was.

        Raises
        ------
        StridorError
            If there is no detector of such a name.
        """
        if unknown := [name for name in names if name not in self.detectors]:
            raise StridorError(
                f"params.yaml has no detector '{unknown[0]}'; its detectors are {', '.join(self.detectors)}."
            )
        return tuple(names) or tuple(self.detectors)

    @model_validator(mode="after")
    def _serves_what_it_scores(self) -> "Params":
        system = self.register.system
        if system == "joined" and not self.bank.views:
            raise ValueError("register.system is joined, but bank.views is empty; set it to fine_tuned, or add views")
        if system in get_args(Baseline) and system not in self.baselines:
            raise ValueError(f"register.system is {system}, which is not among the baselines; add it there")
        return self

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """The checkpoint files that are needed, as written."""
        named = dict.fromkeys((self.encoder.checkpoint, self.tagger.checkpoint))
        return tuple(one for one in named if one != NO_CHECKPOINT)

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines of all detectors, each once."""
        return tuple(dict.fromkeys(machine for one in self.detectors.values() for machine in one.machines))

    def for_detector(self, name: str) -> "Params":
        """Return these parameters with the detector's own values put in place of the general ones.

        Its entry, the only one left, then holds nothing but its machines: other values may take the place of its own.

        Raises
        ------
        StridorError
            If there is no such detector.
        """
        self.named_detectors([name])
        detector = self.detectors[name]
        own = dict(detector.overrides)
        if detector.snr_db is not None:
            own["augment.snr_db"] = detector.model_dump()["snr_db"]
        if detector.learning_rate is not None:
            own["training.learning_rate"] = detector.learning_rate
        try:
            bare = DetectorParams(machines=detector.machines)
            return self.replaced(own).model_copy(update={"detectors": {name: bare}})
        except StridorError as error:
            raise StridorError(f"params.yaml, detector '{name}': {error}") from None

    def replaced(self, values: Mapping[str, object]) -> "Params":
        """Return these parameters with some others in their places.

        Parameters
        ----------
        values : mapping of str to value
            By full name: `training.stage_one.epochs`.

        Raises
        ------
        StridorError
            If there is no such parameter, or a value is out of range.
        """
        everything = self.model_dump()
        for name, value in values.items():
            *groups, last = name.split(".")
            group: Any = everything
            for part in groups:
                group = group.get(part) if isinstance(group, dict) else None
            if not isinstance(group, dict):
                raise StridorError(f"unknown parameter '{name}'; remove it or fix its name.")
            group[last] = value
        try:
            return Params.model_validate(everything)
        except ValidationError as error:
            raise StridorError(f"{first_problem(error, everything)}.") from None


def read_params(path: Path = PARAMS) -> Params:
    """Read and check a parameter file, with what its detectors have of their own.

    Raises
    ------
    StridorError
        If the file is missing, is no YAML, or holds an unknown key or a value out of range.
    """
    # Not needed where a registered detector is served.
    from stridor.params.reading import read_yaml

    values = read_yaml(path)
    if not isinstance(values, dict):
        raise StridorError(f"{path} holds no parameters; expected keys such as 'detectors' and 'training'.")
    try:
        params = Params.model_validate(values)
    except ValidationError as error:
        raise StridorError(f"{path}: {first_problem(error, values)}.") from None
    for name, detector in params.detectors.items():
        if detector.overrides or detector.snr_db or detector.learning_rate:
            params.for_detector(name)
    return params
