"""Figure of a separation: mixture, target and estimate of held-out clips as log-mel images."""

import numpy as np
import torch
from matplotlib.figure import Figure

from stridor.audio.fbank import DECIBELS_PER_UNIT, HOP_SAMPLES, frame_counts
from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.common.seeds import rng_for
from stridor.models.encoder import Encoder
from stridor.models.separator import Separator
from stridor.params import Params
from stridor.training.loader import collate
from stridor.training.triples import TrainingSet, draw_triple

SNR_DB = 0.0


@torch.no_grad()
def separation_picture(encoder: Encoder, separator: Separator, data: TrainingSet, params: Params) -> Figure:
    """Draw the first held-out clip of every machine at 0 dB, one row per machine.

    Parameters
    ----------
    data : TrainingSet
        With at least one held-out example.
    """
    firsts = list({example.clip.machine: example for example in reversed(data.held_out)}.items())[::-1]
    figure = Figure(figsize=(11, 2.6 * len(firsts) + 0.6), layout="constrained")
    axes = figure.subplots(len(firsts), 3, sharey=True, squeeze=False)
    for row, (machine, example) in zip(axes, firsts, strict=True):
        rng = rng_for(params.seed, "picture", example.clip.path)
        batch = collate([draw_triple(example, data.interferers, params, rng, SNR_DB)])
        mixture, target = encoder.log_mel(batch.mixture), encoder.log_mel(batch.target)
        estimate = separator(encoder.encode(mixture, frame_counts(batch.lengths)), mixture)[:, 0]
        images = [image[0].numpy() * DECIBELS_PER_UNIT for image in (mixture, target, estimate)]
        low, high = np.percentile(images[1], [1, 99.8])
        for axis, image, title in zip(row, images, ("mixture at 0 dB", "target", "estimate"), strict=True):
            seconds = len(image) * HOP_SAMPLES / SAMPLE_RATE_HZ
            drawn = axis.imshow(
                image.T, origin="lower", aspect="auto", vmin=low, vmax=high, cmap="magma",
                extent=(0, seconds, 0, image.shape[1]),
            )  # fmt: skip
            axis.set_title(f"{machine}: {title}", fontsize=10)
            axis.set_xlabel("time (s)")
        row[0].set_ylabel("mel band")
        figure.colorbar(drawn, ax=list(row), label="log-mel energy (dB)", pad=0.01)
    return figure
