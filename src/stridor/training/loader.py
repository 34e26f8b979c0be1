"""Batches of triples of similar length; they depend on seed and epoch, not on the number of workers."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from stridor.audio.batches import pad, similar_length_batches
from stridor.common.seeds import rng_for
from stridor.params import Params
from stridor.training.triples import TrainingSet, Triple, draw_triple


class TripleBatch(NamedTuple):
    """Waves `[B x T]`, padded at the end, and the number of samples of each clip `[B]`."""

    mixture: Tensor
    target: Tensor
    interferer: Tensor
    lengths: Tensor


class Share(NamedTuple):
    """What a process contributes to a batch of all processes.

    Attributes
    ----------
    weight : float
        How often one of its clips counts, so that all processes together count each clip once.
    of_batch : float
        The share of the batch; those of all processes add up to 1.
    """

    weight: float
    of_batch: float


def collate(triples: list[Triple]) -> TripleBatch:
    """Stack triples into a batch."""
    mixture, lengths = pad([triple.mixture for triple in triples])
    target, _ = pad([triple.target for triple in triples])
    interferer, _ = pad([triple.interferer for triple in triples])
    return TripleBatch(mixture, target, interferer, lengths)


def collate_views(examples: list[tuple[Triple, ...]]) -> TripleBatch:
    """Stack examples that were mixed several times: the first mixtures of all, then the second ones."""
    return collate([triple for view in zip(*examples, strict=True) for triple in view])


class TripleDataset(Dataset[tuple[Triple, ...]]):
    """Examples whose mixtures are drawn again every epoch, each with its own seed, one or several of an example."""

    def __init__(self, data: TrainingSet, params: Params) -> None:
        self.data, self.params, self.epoch, self.views = data, params, 0, 1

    def __len__(self) -> int:
        return len(self.data.examples)

    def __getitem__(self, index: int) -> tuple[Triple, ...]:
        example = self.data.examples[index]
        variant = example.pair.variant if example.pair else 0
        names = ("triple", self.epoch, example.clip.path, variant)
        streams = [rng_for(self.params.seed, *names, *([view] if view else [])) for view in range(self.views)]
        return tuple(draw_triple(example, self.data.interferers, self.params, rng) for rng in streams)


class EpochBatches(Sampler[list[int]]):
    """Batches of similar length, shuffled every epoch, each divided among processes.

    The batches of an epoch do not depend on the number of processes: all of them together take one batch a step. A
    batch of fewer clips than processes goes to each of them whole, as every one has to take part in every step.
    """

    def __init__(self, lengths: list[int], params: Params, rank: int = 0, world_size: int = 1) -> None:
        self.lengths, self.params, self.rank, self.world_size, self.epoch = (lengths, params, rank, world_size, 0)

    def of_all_processes(self) -> list[list[int]]:
        """Return the batches before they are divided."""
        rng: np.random.Generator = rng_for(self.params.seed, "batches", self.epoch)
        return similar_length_batches(self.lengths, self.params.training.batch_size, rng)

    def __iter__(self) -> Iterator[list[int]]:
        # Clips of a batch are in order of length, so that the shares take about the same time.
        for batch in self.of_all_processes():
            yield batch if self._whole(batch) else batch[self.rank :: self.world_size]

    def __len__(self) -> int:
        return len(self.of_all_processes())

    def shares(self) -> Iterator[Share]:
        """Yield how much of each batch is this process's own."""
        for batch, own in zip(self.of_all_processes(), self, strict=True):
            once = 1 / self.world_size if self._whole(batch) else 1.0
            yield Share(once, once * len(own) / len(batch))

    def _whole(self, batch: list[int]) -> bool:
        return len(batch) < self.world_size


class EpochLoader:
    """Loads the data of each epoch."""

    def __init__(self, data: TrainingSet, params: Params, rank: int = 0, world_size: int = 1) -> None:
        self.dataset = TripleDataset(data, params)
        lengths = [example.samples for example in data.examples]
        self.sampler = EpochBatches(lengths, params, rank, world_size)
        self.loader = DataLoader(
            self.dataset, batch_sampler=self.sampler, collate_fn=collate_views,
            num_workers=params.compute.loader_workers,
        )  # fmt: skip

    def of_epoch(self, epoch: int, views: int = 1) -> DataLoader[tuple[Triple, ...]]:
        """Return the loader, set to an epoch and a number of mixtures of each example; it yields `TripleBatch`."""
        self.dataset.views = views
        self.dataset.epoch = self.sampler.epoch = epoch
        return self.loader
