"""The sections of params.yaml that decide the scores of a trained encoder."""

from typing import Annotated, Literal

from pydantic import Field

from stridor.params.section import Section

Pooling = Literal["mean", "gem", "rdp", "bands", "quantiles"]


class EmbeddingParams(Section):
    """Which layer's tokens become a clip's embedding (0 the encoder's input, -1 the last layer), and how."""

    layer: int = -1
    pooling: Pooling = "mean"
    gem_p: Annotated[float, Field(gt=0)] = 3.0
    rdp_gamma: Annotated[float, Field(ge=0)] = 4.0


Metric = Literal["euclidean", "cosine", "whitened"]
DomainPools = Literal["joint", "separate"]
# Of banks that do not say theirs.
SHRINKAGE = 0.1


class BankParams(Section):
    """Distance to the reference bank and the decision threshold."""

    k: Annotated[int, Field(ge=1)] = 1
    metric: Metric = "euclidean"
    # For the whitened metric: the share of the mean variance in the covariance.
    shrinkage: Annotated[float, Field(gt=0, le=1)] = SHRINKAGE
    # References whose mean distance measures a reference's local density; 0 leaves distances as they are.
    density_neighbours: Annotated[int, Field(ge=0)] = 0
    # Share of target clips among the references that synthetic ones fill up to; 0 adds none.
    target_oversampling: Annotated[float, Field(ge=0, lt=1)] = 0.0
    domains: DomainPools = "joint"
    threshold_percentile: Annotated[float, Field(gt=0, lt=100)] = 90.0
