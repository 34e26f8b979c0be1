"""Evaluate an encoder, layer by layer, on sounds that it was not trained on.

Random weights and the mean log-mel spectrum are scored for comparison.

python pretrained/recipe/evaluate.py pretrained/beats_mini.pt --esc10 ESC10 --machines data --machines REAL
"""

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from mn04 import load_mn04

from stridor.audio.batches import pad, similar_length_batches
from stridor.audio.fbank import frame_counts
from stridor.audio.files import read_clip
from stridor.common.errors import StridorError, one_sentence
from stridor.data.manifest import build_manifest
from stridor.evaluation.measures import MachineMeasures, ScoredClips, measure, total_score
from stridor.models.beats import random_beats
from stridor.models.checkpoint import load_encoder
from stridor.models.config import PRESETS
from stridor.models.encoder import Encoder
from stridor.models.pooling import mean_pool
from stridor.scoring.distances import distances

KEPT_OUT_FOLD = "5"
NEIGHBOURS = 5
PATH = click.Path(path_type=Path)

# From waves to one array [clips x width] for each way of embedding them, by name.
Embed = Callable[[list[np.ndarray]], dict[str, np.ndarray]]


@dataclass(frozen=True)
class GeneralSounds:
    """ESC-10: waves, classes, and which of them are kept out."""

    waves: list[np.ndarray]
    classes: np.ndarray
    kept_out: np.ndarray

    @classmethod
    def read(cls, folder: Path) -> "GeneralSounds":
        """Read the clips that meta.csv lists."""
        table = folder / "meta.csv"
        if not table.is_file():
            raise StridorError(f"{table} is missing; give the folder of ESC-10 with its table of file and fold.")
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        waves = [read_clip(folder / row["file"]) for row in rows]
        kept_out = np.array([row["fold"] == KEPT_OUT_FOLD for row in rows])
        return cls(waves, np.array([row["class"] for row in rows]), kept_out)

    def accuracy(self, embeddings: np.ndarray) -> float:
        """Return how many clips of the fold kept out are of the class of most of their 5 neighbours."""
        from sklearn.neighbors import KNeighborsClassifier

        others = ~self.kept_out
        nearest = KNeighborsClassifier(NEIGHBOURS).fit(embeddings[others], self.classes[others])
        return float(nearest.score(embeddings[self.kept_out], self.classes[self.kept_out]))


@dataclass(frozen=True)
class MachineSounds:
    """One machine: waves of its training and test clips, and what is known of the test clips."""

    name: str
    train: list[np.ndarray]
    test: list[np.ndarray]
    file_names: tuple[str, ...]
    domains: tuple[str, ...]
    labels: tuple[str, ...]

    def measures(self, train: np.ndarray, test: np.ndarray) -> MachineMeasures:
        """Return the official measures of the distance to the nearest training clip."""
        nearest = distances(test.astype(np.float64), train.astype(np.float64), "euclidean").min(axis=1)
        return measure(ScoredClips(self.name, self.file_names, self.domains, self.labels, nearest))


def machines_in(folder: Path) -> Iterator[MachineSounds]:
    """Read every machine of a folder in DCASE layout."""
    names = sorted(path.parent.name for path in folder.glob("*/train"))
    if not names:
        raise StridorError(f"{folder} holds no <machine>/train/; give a folder in DCASE layout.")
    for name in names:
        manifest = build_manifest(folder, (name,), folder)
        train, test = (
            [read_clip(folder / clip.path) for clip in manifest.select(split)] for split in ("train", "test")
        )
        clips = manifest.select("test")
        columns = ([getattr(clip, column) for clip in clips] for column in ("file_name", "domain", "label"))
        yield MachineSounds(f"{folder.name}/{name}", train, test, *map(tuple, columns))


def by_layer(encoder: Encoder) -> Embed:
    """Embed by the mean over the tokens of each layer."""

    @torch.inference_mode()
    def embed(waves: list[np.ndarray]) -> dict[str, np.ndarray]:
        layers = range(encoder.layers + 1)
        embeddings = {f"layer {i}": np.empty((len(waves), encoder.width), np.float32) for i in layers}
        for batch in similar_length_batches([len(wave) for wave in waves], 16):
            tokens = encoder(*pad([waves[i] for i in batch]))
            for i in layers:
                embeddings[f"layer {i}"][batch] = mean_pool(tokens.layers[i], tokens.valid).numpy()
        return embeddings

    return embed


def log_mel(encoder: Encoder) -> Embed:
    """Embed by the mean spectrum of the log-mel image that every encoder sees."""

    @torch.inference_mode()
    def embed(waves: list[np.ndarray]) -> dict[str, np.ndarray]:
        rows = []
        for wave in waves:
            image = encoder.log_mel(torch.from_numpy(wave)[None])[0]
            rows.append(image[: int(frame_counts(torch.tensor(len(wave))))].mean(dim=0).numpy())
        return {"mean": np.stack(rows)}

    return embed


def teacher(path: Path) -> Embed:
    """Embed by the teacher of beats_mini, which the student should come near."""
    network = load_mn04(path)

    @torch.inference_mode()
    def embed(waves: list[np.ndarray]) -> dict[str, np.ndarray]:
        return {"pooled": np.stack([network(torch.from_numpy(wave)[None]).pooled[0].numpy() for wave in waves])}

    return embed


@torch.inference_mode()
def milliseconds(encoder: Encoder, seconds: float = 10.0, times: int = 7) -> float:
    """Return the median time to embed one clip."""
    wave = torch.randn(1, int(16000 * seconds)) * 0.1
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        encoder(wave)
        taken.append(time.perf_counter() - started)
    return 1000 * float(np.median(taken))


def table(systems: dict[str, Embed], general: GeneralSounds, machines: list[MachineSounds]) -> Iterator[str]:
    """Yield the lines of a Markdown table: a row for each system and layer."""
    groups = list(dict.fromkeys(machine.name.split("/")[0] for machine in machines))
    heads = [f"{group}: {what}" for group in groups for what in ("AUC", "source / target / pAUC")]
    columns = ["system", "ESC-10 fold 5, 5-NN", *heads, "mean AUC", "hmean", *(machine.name for machine in machines)]
    yield "| " + " | ".join(columns) + " |"
    yield "|" + " --- |" * len(columns)
    for name, embed in systems.items():
        sounds = embed(general.waves)
        trained = [embed(machine.train) for machine in machines]
        tested = [embed(machine.test) for machine in machines]
        for layer in sounds:
            found = [
                machine.measures(train[layer], test[layer])
                for machine, train, test in zip(machines, trained, tested, strict=True)
            ]
            cells = [f"{name}, {layer}", f"{100 * general.accuracy(sounds[layer]):.1f} %"]
            for group in groups:
                own = [
                    one for machine, one in zip(machines, found, strict=True) if machine.name.startswith(f"{group}/")
                ]
                parts = np.mean([(one.auc_source, one.auc_target, one.pauc) for one in own], axis=0)
                cells += [f"{auc(own):.3f}", " / ".join(f"{part:.3f}" for part in parts)]
            cells += [f"{auc(found):.3f}", f"{total_score(found):.3f}", *(f"{auc([one]):.3f}" for one in found)]
            yield "| " + " | ".join(cells) + " |"


def auc(measures: list[MachineMeasures]) -> float:
    """Mean over machines and both domains."""
    return float(np.mean([(one.auc_source, one.auc_target) for one in measures]))


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, type=PATH)
@click.option("--esc10", required=True, type=PATH, help="Folder of ESC-10.")
@click.option("--machines", required=True, multiple=True, type=PATH, help="Folder in DCASE layout; may come again.")
@click.option("--teacher", "weights", type=PATH, help="Weights of mn04, for a row of its own.")
@click.option("--seed", default=0, show_default=True, help="Of the random weights.")
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1))
def main(
    checkpoints: tuple[Path, ...], esc10: Path, machines: tuple[Path, ...], weights: Path | None, seed: int,
    threads: int,
) -> None:  # fmt: skip
    """Print a Markdown table of frozen encoders on general sounds and on machines."""
    with one_sentence():
        torch.set_num_threads(threads)
        chance = random_beats(PRESETS["mini"], seed).eval()
        encoders = {"random weights": chance} | {path.stem: load_encoder(path) for path in checkpoints}
        systems = {"log-mel": log_mel(chance)} | ({"mn04": teacher(weights)} if weights else {})
        systems |= {name: by_layer(encoder) for name, encoder in encoders.items()}
        heard = [machine for folder in machines for machine in machines_in(folder)]
        for line in table(systems, GeneralSounds.read(esc10), heard):
            print(line, flush=True)
        print()
        for name, encoder in encoders.items():
            print(f"{name}: a clip of 10 s embeds in {milliseconds(encoder):.0f} ms on {threads} threads.")


if __name__ == "__main__":
    main()
