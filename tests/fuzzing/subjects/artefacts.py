"""What the pipeline itself has written and reads again: banks, thresholds, tables, and the journal of an import."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzzing.mutations import any_digits, mutated_bytes, mutated_tree
from fuzzing.sandbox import Sandbox, Wrong
from fuzzing.subject import Subject
from fuzzing.subjects.tables import mutated_table
from stridor.data.augment import read_pairs
from stridor.data.tables import write_table
from stridor.evaluation.official import read_official, write_official
from stridor.experiments.sweep.vectors import MachineVectors
from stridor.ingest.dcase.pins import Pins
from stridor.ingest.dcase.record import RecordFile
from stridor.ingest.dcase.truth import read_truth
from stridor.ingest.recordings.journal import Journal, heal
from stridor.params.scoring_sections import BankParams
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.joined import JoinedBank
from stridor.scoring.reference import MachineReference
from stridor.scoring.threshold import calibrate

_NAMES = [f"section_00_source_train_normal_{number:04}.wav" for number in range(12)]
_DOMAINS = ["source"] * 9 + ["target"] * 3
_QUERIES = 3 + np.random.default_rng(1).normal(size=(3, 11))


class Artefacts(Subject):
    """A folder of one kind with a file that was changed."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        made = sandbox.root / "made"
        embeddings = 3 + np.random.default_rng(0).normal(size=(12, 11))
        bank = ReferenceBank(BankParams(k=2)).fit(embeddings, _DOMAINS, _NAMES)
        calibration = calibrate(bank.leave_one_out_scores(), 90, _DOMAINS, clip_seconds=10.0)
        MachineReference(bank, calibration).save(made / "bank")
        views = (BankParams(metric="whitened"), BankParams(metric="cosine", k=2))
        MachineReference(JoinedBank(views, (4, 7)).fit(embeddings, _DOMAINS, _NAMES), calibration).save(made / "joined")
        (made / "pairs").mkdir()
        pair = {"mixture": "a.wav", "original": "b.wav", "machine": "pump", "kind": "noise", "variant": 1}
        pair |= {"snr_db": 3.5, "gain": 0.9}
        write_table(made / "pairs" / "pairs.csv", list(pair), [pair, pair | {"kind": None}])
        tests = [f"section_00_source_test_normal_{number:04}.wav" for number in range(4)]
        write_official(made / "official", "pump", tests, [1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1])
        (made / "pins").mkdir()
        Pins(made / "pins" / "pins.csv").add(RecordFile("101", "dev_fan.zip", 123, "0" * 32))
        truth = made / "truth" / "ground_truth_attributes" / "ground_truth_pump_section_00_test.csv"
        truth.parent.mkdir(parents=True)
        truth.write_text(
            "".join(f"section_00_{n:04}.wav,section_00_source_test_normal_{n:04}_x.wav\n" for n in range(3))
        )
        vectors = {(1, "mean"): embeddings.astype(np.float32)}
        MachineVectors("pump", tuple(_NAMES), tuple(_NAMES), vectors, vectors).save(made / "vectors")
        self.made = made

    def write(self, rng: random.Random, folder: Path) -> None:
        """Write a folder, with one of its files changed."""
        kind = rng.choice(list(_READERS))
        place = folder / kind
        if kind == "journal":
            self._write_journal(place)
        else:
            shutil.copytree(self.made / kind, place)
        files = [path for path in place.rglob("*") if path.is_file() and path.suffix in (".json", ".csv", ".npy")]
        path = rng.choice(files)
        content, way = path.read_bytes(), rng.random()
        if way < 0.6 and path.suffix == ".json":
            with any_digits():
                changed = json.dumps(mutated_tree(json.loads(content), rng)).encode("utf-8", "surrogatepass")
        elif way < 0.6 and path.suffix == ".csv":
            changed = mutated_table([line.split(",") for line in content.decode().splitlines()], rng)
        else:
            changed = mutated_bytes(content, rng, head=300)
        path.write_bytes(changed)

    def _write_journal(self, root: Path) -> None:
        """Write a project with an import that was killed, whose journal names things outside as well."""
        beside = root / ".data.unfinished-x"
        (beside / "new" / "pump").mkdir(parents=True)
        (root / "data" / "fan").mkdir(parents=True)
        (root / ".dvc" / "tmp").mkdir(parents=True)
        (root / "data.dvc").write_text("outs: []\n")
        (root / "params.yaml").write_text("seed: 1\n")
        moves = [(beside / "new" / "pump", root / "data" / "pump")]
        Journal(beside).open(moves, {root / "params.yaml": b"seed: 2\n"}, root / "data.dvc")
        journal = beside / "journal.json"
        said = json.loads(journal.read_text())
        outside = str(self.sandbox.outside)
        said["unknown"] = [outside, "../../../outside/victim", f"{outside}/victim"]
        journal.write_text(json.dumps(said))

    def names(self, folder: Path) -> tuple[str, ...]:
        """Return the names of the folder and of its files."""
        [place] = folder.iterdir()
        return (place.name, *(path.name for path in place.rglob("*")))

    def check(self, rng: random.Random, folder: Path) -> None:
        """Read it."""
        [place] = folder.iterdir()
        _READERS[place.name](place)


def _reference(folder: Path) -> None:
    reference = MachineReference.load(folder)
    judged = reference.judge(_QUERIES)
    if not np.isfinite(judged.scores).all():
        raise Wrong(f"the scores are {judged.scores}")


def _pairs(folder: Path) -> None:
    read_pairs(folder)


def _official(folder: Path) -> None:
    results = read_official(folder, "pump")
    if not np.isfinite(results.scores).all():
        raise Wrong("a score is not finite")


def _pins(folder: Path) -> None:
    Pins(folder / "pins.csv").find("101", "dev_fan")


def _truth(folder: Path) -> None:
    read_truth(folder, "pump")


def _vectors(folder: Path) -> None:
    MachineVectors.load(folder, "pump")


_READERS: dict[str, Callable[[Path], None]] = {
    "bank": _reference, "joined": _reference, "pairs": _pairs, "official": _official, "pins": _pins, "truth": _truth,
    "vectors": _vectors, "journal": heal,
}  # fmt: skip
