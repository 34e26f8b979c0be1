"""The combinations of scoring options that a sweep compares."""

import itertools
from dataclasses import dataclass, fields, replace
from typing import Any

from stridor.params import Params
from stridor.params.scoring_sections import (
    BAND_POOLINGS,
    BandSearch,
    BankParams,
    DensityMean,
    DomainPools,
    EmbeddingParams,
    Metric,
    Pooling,
)

# Patches are pooled and searched as such, or not at all.
PATCHED = ("pooling", "bands")


@dataclass(frozen=True)
class Combination:
    """One way to score; the defaults are the literal setting.

    Attributes have the names and meanings of the parameters in `embedding` and `bank`.
    """

    layer: int = -1
    pooling: Pooling = "mean"
    metric: Metric = "euclidean"
    k: int = 1
    density_neighbours: int = 0
    target_oversampling: float = 0.0
    domains: DomainPools = "joint"
    density_mean: DensityMean = "arithmetic"
    bands: BandSearch = "joint"

    @property
    def bank(self) -> BankParams:
        """The parameters of the bank."""
        return BankParams(**{name: getattr(self, name) for name in BANK})

    @property
    def sensible(self) -> bool:
        """Whether every option that is set has something to act on."""
        if self.bands == "separate" and self.pooling not in BAND_POOLINGS:
            return False
        if (self.bands == "patches") != (self.pooling == "patches"):
            return False
        if self.bands == "patches" and (self.metric == "whitened" or self.target_oversampling):
            return False
        return self.density_mean == LITERAL.density_mean or self.density_neighbours > 0

    def with_value(self, option: str, value: Any) -> "Combination":
        """Return the combination with another value of one option, and of what has to change with it."""
        linked = option in PATCHED and "patches" in (value, getattr(self, option))
        others = {one: value if value == "patches" else getattr(LITERAL, one) for one in PATCHED} if linked else {}
        return replace(self, **(others | {option: value}))

    def with_literal(self, option: str) -> "Combination":
        """Return the combination with the literal value of one option."""
        return self.with_value(option, getattr(LITERAL, option))

    def yaml(self) -> str:
        """Return the lines of params.yaml that set this combination."""
        lines = []
        for section, names in (("embedding", EMBEDDING), ("bank", BANK)):
            lines.append(f"{section}: {{{', '.join(f'{name}: {getattr(self, name)}' for name in names)}}}")
        return "\n".join(lines)

    def text(self) -> str:
        """Return the options that differ from the literal setting."""
        changed = [f"{name} {getattr(self, name)}" for name in OPTIONS if getattr(self, name) != getattr(LITERAL, name)]
        return ", ".join(changed) or "literal"


OPTIONS = tuple(field.name for field in fields(Combination))
EMBEDDING, BANK = OPTIONS[:2], OPTIONS[2:]
LITERAL = Combination()


def combinations(params: Params) -> list[Combination]:
    """Return all combinations of the lists of `sweep`, each once, the literal setting first."""
    lists = params.sweep.model_dump()
    lists["layer"] = lists.pop("layers")
    grid = (Combination(*values) for values in itertools.product(*(lists[name] for name in OPTIONS)))
    return list(dict.fromkeys([LITERAL, *(one for one in grid if one.sensible)]))


def embedding_settings(params: Params) -> list[EmbeddingParams]:
    """Return the settings of all layers and poolings that the combinations need."""
    fixed: dict[str, Any] = {"gem_p": params.embedding.gem_p, "rdp_gamma": params.embedding.rdp_gamma}
    pairs = dict.fromkeys((one.layer, one.pooling) for one in combinations(params))
    return [EmbeddingParams(layer=layer, pooling=pooling, **fixed) for layer, pooling in pairs]
