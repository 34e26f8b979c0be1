"""Comparing a machine's attributes_00.csv with its clips; only ever a note, as training never uses it."""

import csv
from collections.abc import Iterable
from pathlib import Path

from stridor.common.text import printable
from stridor.data.names import AUDIO_SUFFIXES, parse_clip_name
from stridor.ingest.recordings.dcase_layout import MachineFolder

# Of a clip's name in a note; a table may hold any text.
_LONGEST_NAME = 255


def attribute_notes(folder: MachineFolder) -> Iterable[str]:
    """Yield what a machine's attribute tables say otherwise than its clips' names, in one line each.

    Published tables name a clip by its path with folder and .wav or by its bare stem, and some have no
    attribute columns at all.
    """
    return map(printable, _notes(folder))


def _notes(folder: MachineFolder) -> Iterable[str]:
    clips = {clip.path.stem: clip for clip in folder.clips}
    for table in folder.tables:
        try:
            rows = _read(table)
        except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
            yield f"{table.name} cannot be read ({error})"
            continue
        if missing := [stem for stem in rows if stem not in clips]:
            yield f"{table.name} names {len(missing)} clips that are not there, {missing[0][:_LONGEST_NAME]} first"
        listable = [stem for stem, clip in clips.items() if clip.split != "supplemental"]
        if unlisted := [stem for stem in listable if stem not in rows]:
            yield f"{table.name} does not list {len(unlisted)} clips, {unlisted[0]} first"
        differing = []
        for stem, pairs in rows.items():
            if stem in clips and pairs:
                in_name = parse_clip_name(clips[stem].name, clips[stem].split).attributes
                if in_name and in_name != pairs:
                    differing.append(stem)
        if differing:
            yield f"{table.name} disagrees with the names of {len(differing)} clips, {differing[0]} first"


def _read(table: Path) -> dict[str, dict[str, str]]:
    """Return the attribute pairs of each row by the clip's stem."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        if "file_name" not in columns:
            raise ValueError("it has no column file_name")
        keys = [name for name in columns if name.startswith("d") and name.endswith("p")]
        rows = list(reader)
        if any(row["file_name"] is None for row in rows):
            raise ValueError("a row ends before the column file_name")
        return {
            _stem(row["file_name"]): {row[key]: row.get(f"{key[:-1]}v") or "" for key in keys if row[key]}
            for row in rows
        }


def _stem(file_name: str) -> str:
    name = file_name.replace("\\", "/").rpartition("/")[2]
    # A bare stem may end in an attribute such as 1.5, which is no extension.
    return next((name[: -len(end)] for end in AUDIO_SUFFIXES if name.lower().endswith(end)), name)
