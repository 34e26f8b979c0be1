"""The architecture in a BEATs checkpoint's cfg, and the presets for random weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from stridor.common.errors import StridorError

# Several times what any published encoder has.
_LARGEST = {
    "input_patch_size": 1024, "embed_dim": 16384, "encoder_layers": 200, "encoder_embed_dim": 16384,
    "encoder_ffn_embed_dim": 65536, "encoder_attention_heads": 256, "conv_pos": 4096, "conv_pos_groups": 16384,
    "num_buckets": 100_000, "max_distance": 1_000_000, "predictor_class": 1_000_000,
}  # fmt: skip


@dataclass(frozen=True)
class BeatsConfig:
    """Architecture of a BEATs encoder, under the names of the published cfg.

    The defaults are those of the published *code*; checkpoints overrule them (deep_norm and others).
    Entries of a cfg that concern pre-training only are not kept; layer drop counts as such, because a skipped
    layer leaves parameters without gradients, which distributed training refuses.
    """

    input_patch_size: int = 16
    embed_dim: int = 512
    conv_bias: bool = False
    encoder_layers: int = 12
    encoder_embed_dim: int = 768
    encoder_ffn_embed_dim: int = 3072
    encoder_attention_heads: int = 12
    activation_fn: str = "gelu"
    layer_norm_first: bool = False
    deep_norm: bool = False
    dropout: float = 0.1
    attention_dropout: float = 0.1
    activation_dropout: float = 0.0
    dropout_input: float = 0.0
    conv_pos: int = 128
    conv_pos_groups: int = 16
    relative_position_embedding: bool = False
    num_buckets: int = 320
    max_distance: int = 1280
    gru_rel_pos: bool = False
    finetuned_model: bool = False
    predictor_dropout: float = 0.1
    predictor_class: int = 527

    @classmethod
    def from_cfg(cls, cfg: Mapping[str, Any]) -> "BeatsConfig":
        """Read a checkpoint's cfg, ignoring entries that do not shape the encoder.

        Raises
        ------
        StridorError
            If the cfg asks for something that no published checkpoint has and this encoder does not do, or for an
            architecture that cannot be.
        """
        config = cls(**{field.name: cfg[field.name] for field in fields(cls) if field.name in cfg})
        config._check()
        if config.activation_fn != "gelu" or config.input_patch_size != 16:
            raise StridorError(
                f"The checkpoint wants activation '{config.activation_fn}' and patch size {config.input_patch_size}; "
                "only gelu and 16 are supported, as in all published files."
            )
        return config

    def to_cfg(self) -> dict[str, Any]:
        """Return the cfg dictionary of a checkpoint."""
        return asdict(self)

    def _check(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            kinds = (int, float) if field.type is float else (field.type,)
            if type(value) not in kinds:
                raise StridorError(
                    f"Its cfg has the {field.name} {str(value)[:50]!r}, a {type(value).__name__} where "
                    f"{field.type.__name__} is expected; it is damaged, get the file again."  # type: ignore[union-attr]
                )
            if field.type is float and not 0 <= value < 1:
                raise StridorError(f"Its cfg has the {field.name} {value}; expected at least 0 and less than 1.")
        for name, most in _LARGEST.items():
            if not 1 <= getattr(self, name) <= most:
                raise StridorError(f"Its cfg has the {name} {getattr(self, name)}; expected 1 to {most}.")
        width = self.encoder_embed_dim
        for name in ("encoder_attention_heads", "conv_pos_groups"):
            if width % getattr(self, name):
                raise StridorError(
                    f"Its cfg has the {name} {getattr(self, name)}, by which its encoder_embed_dim {width} cannot be "
                    "divided; it is damaged, get the file again."
                )
        # A quarter of the buckets hold one distance each, the others share those up to the largest.
        if self.num_buckets < 4 or self.max_distance <= self.num_buckets // 4:
            raise StridorError(
                f"Its cfg has {self.num_buckets} num_buckets for a max_distance of {self.max_distance}; expected at "
                "least 4, and a distance above a quarter of them."
            )

    @property
    def residual_gain(self) -> float:
        """DeepNorm's alpha: the factor on each residual branch (Wang et al., 2022)."""
        return (2 * self.encoder_layers) ** 0.25 if self.deep_norm else 1.0

    @property
    def initial_gain(self) -> float:
        """DeepNorm's beta: the gain of value, output and feed-forward weights at initialisation."""
        return (8 * self.encoder_layers) ** -0.25 if self.deep_norm else 1.0


_PUBLISHED = BeatsConfig(
    deep_norm=True, relative_position_embedding=True, gru_rel_pos=True, max_distance=800, dropout=0.0,
    attention_dropout=0.0,
)  # fmt: skip

PRESETS = {
    # 90.3 M parameters, the published architecture.
    "base": _PUBLISHED,
    # About 2 M parameters: trains on two cores.
    "mini": BeatsConfig(
        **asdict(_PUBLISHED)
        | {
            "embed_dim": 128,
            "encoder_layers": 4,
            "encoder_embed_dim": 192,
            "encoder_ffn_embed_dim": 768,
            "encoder_attention_heads": 4,
        }
    ),
}
