"""The encoder's forward pass without gradients, beside the straightforward formulation with the same weights."""

from dataclasses import replace

import torch

from benchmarks.harness import Bench
from benchmarks.straightforward import Straightforward
from stridor.audio.fbank import frame_counts
from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.models.beats import Beats, random_beats
from stridor.models.config import PRESETS, BeatsConfig
from stridor.models.encoder import BANDS, PATCH

# Preset, clips in a batch, seconds.
CASES = [
    *(("mini", batch, seconds) for batch in (1, 4, 16) for seconds in (5, 10, 12)),
    *(("base", 1, seconds) for seconds in (5, 10, 12)), ("base", 4, 10), ("base", 16, 5),
]  # fmt: skip
LARGEST_DIFFERENCE = 1e-4


def run(bench: Bench) -> None:
    """Compare both, and say how much of the rate of a matrix product the useful arithmetic reaches.

    Useful are two operations for each multiplication of weights or tokens that the formulas ask for: patches,
    positional convolution in its direct form, projections, feed-forward layers, and both products of attention.
    """
    models: dict[str, Beats] = {}
    for preset, batch, seconds in [("mini", 2, 1)] if bench.tiny else CASES:
        model = models.setdefault(preset, example(preset))
        yardstick = Straightforward(model)
        wave = 0.1 * torch.randn(batch, seconds * SAMPLE_RATE_HZ, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            check_equal(model, yardstick, wave)
            flop = batch * useful_flop(model.config, wave.shape[1])
            case = f"{preset}, {batch} x {seconds} s"
            ours = bench.pair("encoder", case, lambda: model(wave), lambda: yardstick(wave), unit=batch)  # noqa: B023
        share = flop / ours.best / 1e9 / bench.gflops
        bench.rows[-1] = replace(bench.rows[-1], ratio=f"{bench.rows[-1].ratio}; {share:.0%} of the matrix product")


def example(preset: str) -> Beats:
    """Return a random encoder whose biases and gates do something, as in a trained one."""
    model = random_beats(PRESETS[preset], 0).eval()
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "grep" in name or "relative" in name:
                parameter.normal_(generator=random)
    return model


def check_equal(model: Beats, yardstick: Straightforward, wave: torch.Tensor) -> None:
    """Fail where the two differ by more than rounding, in any layer."""
    for number, (ours, theirs) in enumerate(zip(model(wave).layers, yardstick(wave), strict=True)):
        difference = float((ours - theirs).abs().max())
        if not difference <= LARGEST_DIFFERENCE:
            raise SystemExit(f"layer {number} differs from the straightforward formulation by {difference:.1e}")


def useful_flop(config: BeatsConfig, samples: int) -> int:
    """Return the operations that a clip needs."""
    width, forward = config.encoder_embed_dim, config.encoder_ffn_embed_dim
    tokens = int(frame_counts(torch.tensor(samples))) // PATCH * BANDS
    patches = PATCH * PATCH * config.embed_dim + config.embed_dim * width
    positions = config.conv_pos * width * width // config.conv_pos_groups
    layer = 4 * width * width + 2 * width * forward + 2 * tokens * width
    return 2 * tokens * (patches + positions + config.encoder_layers * layer)
