"""Tables: a detector's manifest, and the attributes that come with recordings."""

import csv
import io
import random
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

from fuzzing.mutations import TEXTS, integer, mutated_bytes, mutated_text
from fuzzing.sandbox import Sandbox, Wrong, check_sentence
from fuzzing.subject import Subject
from recordings import NAMES, write_machine
from stridor.data.manifest import Clip, Manifest
from stridor.ingest.recordings.attributes import attribute_notes
from stridor.ingest.recordings.machines import find_machines

Rows = list[list[str]]


class Manifests(Subject):
    """A mutated manifest."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        rows = []
        for number, (split, names) in enumerate(NAMES.items()):
            for name in names:
                clip = Clip(f"data/pump/{split}/{name}", "pump", split, "00", "source", "normal", None, '{"a": "1"}',
                            10.0 + number, 16000, 1, "0" * 32)  # fmt: skip
                rows.append(["" if value is None else str(value) for value in asdict(clip).values()])
        self.rows = [[field.name for field in fields(Clip)], *rows]

    def write(self, rng: random.Random, folder: Path) -> None:
        """Write one manifest."""
        (folder / "manifest.csv").write_bytes(mutated_table(self.rows, rng))

    def names(self, folder: Path) -> tuple[str, ...]:
        """Return the file's name."""
        return ("manifest.csv",)

    def check(self, rng: random.Random, folder: Path) -> None:
        """Read it; what is accepted is written and read again."""
        manifest = Manifest.read(folder / "manifest.csv")
        for clip in manifest.clips:
            if not (clip.seconds > 0 and clip.split in NAMES and clip.file_name is not None):
                raise Wrong(f"{clip} is accepted")
        manifest.select("train", "pump")
        manifest.write(folder / "again.csv")
        if Manifest.read(folder / "again.csv") != manifest:
            raise Wrong("a manifest that was written again is another one")


class Attributes(Subject):
    """A mutated attribute table beside the clips that it is about."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.machine = write_machine(sandbox.outside / "pump")
        stems = [name for split in ("train", "test") for name in NAMES[split]]
        self.rows = [
            ["file_name", "d1p", "d1v", "d2p", "d2v"],
            *([f"pump/{name.split('_')[3]}/{name}", "spd", str(number), "", ""] for number, name in enumerate(stems)),
        ]

    def write(self, rng: random.Random, folder: Path) -> None:
        """Write one table into a machine's folder."""
        for split, names in NAMES.items():
            (folder / "pump" / split).mkdir(parents=True)
            for name in names:
                (folder / "pump" / split / name).hardlink_to(self.machine / split / name)
        table = rng.choice(("attributes_00.csv", "attributes_00.csv", "attributes_\n.csv", "attributes_ä.csv"))
        (folder / "pump" / table).write_bytes(mutated_table(self.rows, rng))

    def names(self, folder: Path) -> tuple[str, ...]:
        """Return the start of the file's name."""
        return ("attributes_",)

    def check(self, rng: random.Random, folder: Path) -> None:
        """Compare it with the clips: whatever it holds is a note."""
        for machine in find_machines(folder).machines:
            for note in attribute_notes(machine):
                check_sentence(f"{note}.", self.names(folder))


def mutated_table(rows: Rows, rng: random.Random) -> bytes:
    """Change cells, rows and columns, or the text of a table."""
    changed = [list(row) for row in rows]
    way = rng.random()
    if way < 0.6:
        for _ in range(rng.choice((1, 1, 2, 3))):
            rng.choice(_TABLE_WAYS)(changed, rng)
            changed = changed or [[]]
        return _text(changed, rng).encode("utf-8", "surrogatepass")
    if way < 0.8:
        return mutated_text(_text(changed, rng), rng)
    return mutated_bytes(_text(changed, rng).encode(), rng)


def _text(rows: Rows, rng: random.Random) -> str:
    text = io.StringIO()
    # Some characters need an escape that these rules do not have.
    writer = csv.writer(text, delimiter=rng.choice(",,,,,;\t"), quoting=rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
                        lineterminator=rng.choice(("\n", "\n", "\r\n")), escapechar="\\")  # fmt: skip
    writer.writerows(rows)
    return text.getvalue()


def _change_cell(rows: Rows, rng: random.Random) -> None:
    row = rng.choice(rows)
    if row:
        row[rng.randrange(len(row))] = rng.choice((rng.choice(TEXTS), str(integer(rng)), "nan", "1e999", "-1", "0"))


def _change_length(rows: Rows, rng: random.Random) -> None:
    row = rng.choice(rows)
    at = rng.randrange(len(row) + 1)
    row[at:at] = [rng.choice(TEXTS)] * rng.choice((1, 3, 300))
    if rng.random() < 0.6:
        del row[rng.randrange(len(row)) :]


def _change_rows(rows: Rows, rng: random.Random) -> None:
    at = rng.randrange(len(rows))
    if rng.random() < 0.5:
        del rows[at]
    else:
        # Copies of a long row would be gigabytes.
        most = 3000 if sum(map(len, rows[at])) < 1000 else 3
        rows[at:at] = [list(rows[at])] * rng.choice((1, 2, most))


def _shuffle(rows: Rows, rng: random.Random) -> None:
    width = len(rows[0])
    order = rng.sample(range(width), width)
    rows[:] = [[row[i] if i < len(row) else "" for i in order] for row in rows]


def _drop_column(rows: Rows, rng: random.Random) -> None:
    at = rng.randrange(max(len(rows[0]), 1))
    for row in rows:
        del row[at : at + 1]


_TABLE_WAYS: tuple[Callable[[Rows, random.Random], None], ...] = (
    _change_cell, _change_cell, _change_cell, _change_length, _change_rows, _shuffle, _drop_column,
)  # fmt: skip
