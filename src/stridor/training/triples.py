"""Training examples: (mixture, target, interferer) triples, and which clips they are made from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stridor.audio.files import SAMPLE_RATE_HZ, read_clip
from stridor.audio.mixing import scale_to_snr
from stridor.common.seeds import rng_for
from stridor.data.augment import Pair, draw_snr_db
from stridor.data.interferers import Interferers, Recording
from stridor.data.manifest import Clip, Manifest
from stridor.params import Params


@dataclass(frozen=True)
class Example:
    """A target and the source of its mixture.

    Attributes
    ----------
    clip : Clip
        The target: a normal training clip, or a clean supplemental clip.
    pair : Pair or None
        A stored mixture of a clean supplemental clip; None if the mixture is made on the fly. If `augment.mix` is off,
        it only determines how often the clip is used.
    """

    clip: Clip
    pair: Pair | None = None

    @property
    def samples(self) -> int:
        """Length at 16 kHz, accurate enough for batching."""
        return round(self.clip.seconds * SAMPLE_RATE_HZ)


@dataclass(frozen=True)
class Triple:
    """Three waves [T] of the same length with mixture = target + interferer; float32, 16 kHz."""

    mixture: np.ndarray
    target: np.ndarray
    interferer: np.ndarray


@dataclass(frozen=True)
class TrainingSet:
    """The clips that a detector is trained on.

    Attributes
    ----------
    held_out : tuple of Example
        Normal training clips of the source domain that are held out for the sanity check.
    interferers : Interferers
        What the clips of each machine are mixed with.
    """

    examples: tuple[Example, ...]
    held_out: tuple[Example, ...]
    interferers: Interferers


def training_set(
    manifest: Manifest, pairs: list[Pair], params: Params, recordings: Sequence[Recording] = ()
) -> TrainingSet:
    """Decide which clips are targets, which are interferers and which are held out.

    Noise clips are interferers and never targets; clean supplemental clips contribute their noisy variants;
    labels and attributes are not used. At most a fifth of a machine's source clips is held out.
    """
    held_out: list[Example] = []
    examples: list[Example] = []
    for machine in manifest.machines:
        clips = manifest.select("train", machine)
        source = [clip for clip in clips if clip.domain != "target"]
        count = min(params.training.held_out_clips, len(source) // 5)
        chosen = rng_for(params.seed, "held out", machine).permutation(len(source))[:count]
        held_out_paths = {source[i].path for i in chosen}
        held_out += [Example(clip) for clip in clips if clip.path in held_out_paths]
        examples += [Example(clip) for clip in clips if clip.path not in held_out_paths]
    by_path = {clip.path: clip for clip in manifest.clips}
    examples += [Example(by_path[pair.original], pair) for pair in pairs if pair.kind == "clean"]
    noise = {
        machine: tuple(pair.mixture for pair in pairs if pair.kind == "noise" and pair.machine == machine)
        for machine in manifest.machines
    }
    interferers = Interferers(params.augment.interferers, noise, recordings)
    return TrainingSet(tuple(examples), tuple(held_out), interferers)


def draw_triple(
    example: Example, interferers: Interferers, params: Params, rng: np.random.Generator, snr_db: float | None = None,
) -> Triple:  # fmt: skip
    """Make the triple of an example.

    Parameters
    ----------
    snr_db : float, optional
        Drawn from `augment.snr_db` if not given. Stored mixtures keep their own. If `augment.mix` is off, and for a
        share `augment.unmixed` of the examples, the mixture is the target itself unless the ratio is given.

    Raises
    ------
    StridorError
        If the clip cannot be read or is silent.
    """
    target = read_clip(example.clip.path, params.audio.channel)
    if example.pair is not None:
        target = target * np.float32(example.pair.gain)
    augment = params.augment
    if snr_db is None and (not augment.mix or (augment.unmixed and rng.random() < augment.unmixed)):
        return Triple(target, target, np.zeros_like(target))
    if example.pair is not None:
        mixture = read_clip(example.pair.mixture)
        return Triple(mixture, target, mixture - target)
    if snr_db is None:
        snr_db = draw_snr_db(augment.snr_db, rng)
    interferer = interferers.draw(example.clip.machine, len(target), rng)
    interferer = scale_to_snr(target, interferer, snr_db, example.clip.path).astype(np.float32)
    return Triple(target + interferer, target, interferer)
