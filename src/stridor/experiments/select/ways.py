"""The ways to score that are ranked: views of a clip, alone and joined."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from stridor.params.scoring_sections import Pooling, ViewEncoder, ViewParams

# The metric of every view. Whitening is the one that needs no labels to be preferred: raw distances count loud
# directions many times over.
_PLAIN = {"metric": "whitened", "k": 1, "density_neighbours": 0, "target_oversampling": 0, "domains": "joint"}


@dataclass(frozen=True)
class Way:
    """A way to score.

    Attributes
    ----------
    views : tuple of ViewParams
        Several are joined as `bank.views` are.
    """

    views: tuple[ViewParams, ...]

    def text(self) -> str:
        """Name the views."""
        return " + ".join(_text(view) for view in self.views)

    def yaml(self) -> str:
        """Return the entry of `bank` in params.yaml that scores in this way."""
        views = ", ".join(
            f"{{{', '.join(f'{name}: {value}' for name, value in view if value is not None)}}}" for view in self.views
        )
        return f"views: [{views}]"


def ways(layers: Mapping[ViewEncoder, int]) -> list[Way]:
    """Return the spectrum by two statistics, encoders by layer and pooling, and every join of these two kinds.

    A join has one view of an encoder at most: its layers say much the same.

    Parameters
    ----------
    layers : mapping of str to int
        Of each encoder, `frozen`, as training starts from it, `fine_tuned`, as trained, or `tagger`. The last layer and
        the one in the middle are ranked; without layers, its tokens.
    """
    spectra = [_view("log_mel", 0, pooling) for pooling in ("mean_std", "quantiles")]
    networks = [
        _view(encoder, layer, pooling)
        for encoder, count in layers.items()
        for layer in ((-1, count // 2) if count else (-1,))
        for pooling in ("mean", "bands")
    ]
    some = [chosen for count in range(len(spectra) + 1) for chosen in combinations(spectra, count)]
    joined = [(*chosen, *network) for chosen in some for network in [(), *((one,) for one in networks)]]
    return [Way(views) for views in joined if views]


def views_in(all_ways: list[Way]) -> list[ViewParams]:
    """Return every view of some ways once."""
    return list(dict.fromkeys(view for way in all_ways for view in way.views))


def _view(encoder: ViewEncoder, layer: int, pooling: Pooling) -> ViewParams:
    return ViewParams.model_validate({"encoder": encoder, "layer": layer, "pooling": pooling} | _PLAIN)


def _text(view: ViewParams) -> str:
    if view.encoder == "log_mel":
        return f"spectrum ({view.pooling})"
    if view.encoder == "tagger":
        return f"tagger ({view.pooling})"
    name = "fine-tuned" if view.encoder == "fine_tuned" else view.encoder
    return f"{name} (layer {view.layer}, {view.pooling})"
