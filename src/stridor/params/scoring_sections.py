"""The sections of params.yaml that decide the scores of a trained encoder."""

from typing import Annotated, Literal, TypeVar

from pydantic import Field

from stridor.params.section import MOST_CLIPS, Section

Layer = Annotated[int, Field(ge=-1000, le=1000)]
Pooling = Literal["mean", "gem", "rdp", "rdp_gem", "bands", "mean_std", "quantiles", "patches"]
# Those whose vectors hold one frequency band after the other.
BAND_POOLINGS = ("bands", "mean_std", "quantiles")

Precision = Literal["float32", "bfloat16", "int8"]


# Tokens a band that the pooling `patches` keeps.
PATCHES = 8


class EmbeddingParams(Section):
    """Which layer's tokens become a clip's embedding (0 the encoder's input, -1 the last layer), and how."""

    layer: Layer = -1
    pooling: Pooling = "mean"
    gem_p: Annotated[float, Field(gt=0, le=1000)] = 3.0
    rdp_gamma: Annotated[float, Field(ge=0, le=1000)] = 4.0
    # Of the encoder's linear layers; bank, thresholds and served detector all compute in it.
    precision: Precision = "float32"


Metric = Literal["euclidean", "cosine", "whitened"]
DomainPools = Literal["joint", "separate"]
BandSearch = Literal["joint", "separate", "patches"]
DensityMean = Literal["arithmetic", "geometric"]
# At the largest, nine synthetic references for every recorded one; towards 1 their number grows without end.
TargetShare = Annotated[float, Field(ge=0, le=0.9)]
# Of banks that do not say theirs.
SHRINKAGE = 0.1


ViewEncoder = Literal["log_mel", "tagger", "frozen", "fine_tuned"]


# `embedding.layer` is about the encoder that is fine-tuned: the image has no other layer, and the tagger's is its last.
OWN_LAYER: dict[str, int] = {"log_mel": 0, "tagger": -1}


class ViewParams(Section):
    """One of several views of a clip that are joined; a value that is not set is that of `embedding` or `bank`."""

    # The log-mel image itself, the second encoder, the one that training starts from, or the detector's own.
    encoder: ViewEncoder
    layer: Layer | None = None
    pooling: Pooling | None = None
    metric: Metric | None = None
    k: Annotated[int, Field(ge=1, le=MOST_CLIPS)] | None = None
    density_neighbours: Annotated[int, Field(ge=0, le=MOST_CLIPS)] | None = None
    density_mean: DensityMean | None = None
    target_oversampling: TargetShare | None = None
    domains: DomainPools | None = None
    bands: BandSearch | None = None

    def embedding(self, shared: EmbeddingParams) -> EmbeddingParams:
        """Return how the view embeds a clip."""
        return _with(_with(shared, layer=OWN_LAYER.get(self.encoder, shared.layer)), self)

    def bank(self, shared: "BankParams") -> "BankParams":
        """Return how the view compares clips."""
        return _with(_with(shared, views=()), self)


class BankParams(Section):
    """Distance to the reference bank and the decision threshold."""

    # Joined by `scoring.joined`; none: one view, the fine-tuned encoder's.
    views: tuple[ViewParams, ...] = ()

    k: Annotated[int, Field(ge=1, le=MOST_CLIPS)] = 1
    metric: Metric = "euclidean"
    # For the whitened metric: the share of the mean variance in the covariance.
    shrinkage: Annotated[float, Field(gt=0, le=1)] = SHRINKAGE
    # References whose mean distance measures a reference's local density; 0 leaves distances as they are.
    density_neighbours: Annotated[int, Field(ge=0, le=MOST_CLIPS)] = 0
    density_mean: DensityMean = "arithmetic"
    # Share of target clips among the references that synthetic ones fill up to; 0 adds none.
    target_oversampling: TargetShare = 0.0
    domains: DomainPools = "joint"
    # Separate: nearest normals are searched in every frequency band by itself, and the scores averaged. Patches: for
    # every patch of the pooling of that name, in its band.
    bands: BandSearch = "joint"
    # The challenge's rule, for official result files.
    threshold_percentile: Annotated[float, Field(gt=0, lt=100)] = 90.0
    # Of a served detector: the share of the normal clips of each condition that it may flag.
    false_alarm_rate: Annotated[float, Field(gt=0, lt=1)] = 0.02


# An encoder, and how its tokens are pooled.
View = tuple[ViewEncoder, EmbeddingParams]


def views_of(embedding: EmbeddingParams, bank: BankParams) -> tuple[View, ...]:
    """Return the views of a detector; of one without `bank.views`, its own encoder alone."""
    if not bank.views:
        return (("fine_tuned", embedding),)
    return tuple((view.encoder, view.embedding(embedding)) for view in bank.views)


def scorings_of(embedding: EmbeddingParams, bank: BankParams) -> list[tuple[EmbeddingParams, BankParams]]:
    """Return how each view embeds and compares; of a detector without views, its only one."""
    if not bank.views:
        return [(embedding, bank)]
    return [(view.embedding(embedding), view.bank(bank)) for view in bank.views]


SectionT = TypeVar("SectionT", bound=Section)


def _with(section: SectionT, view: ViewParams | None = None, **values: object) -> SectionT:
    """Return a section with some values replaced, by name or by those that a view sets."""
    if view is not None:
        values = {name: value for name, value in view if name in type(section).model_fields and value is not None}
    return section.model_copy(update=values)
