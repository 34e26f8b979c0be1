"""`dvc.lock` as DVC leaves it that was killed while it wrote the file: cut off somewhere."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stridor.common.atomic import atomic_file
from stridor.common.dvc_locks import dvc_works

# Where copies are kept, which DVC's own cleaning leaves alone.
_COPIES = Path(".dvc/tmp/stridor")
# Where a stage's entry starts; what belongs to it is indented further.
_STAGE = re.compile(r"^  (?=\S)", re.MULTILINE)
# In which DVC has written the file.
_WRITING_S = 0.2
# What DVC writes before it.
_HEAD = "schema: '2.0'\nstages:\n"
_CONFLICT = re.compile(r"^<<<<<<<", re.MULTILINE)


def keep_lock_files(root: Path) -> None:
    """Copy every `dvc.lock`, for `repair_lock_files`; to be called where a stage starts, which DVC records later.

    Parameters
    ----------
    root : Path
        The project.
    """
    if not (root / ".dvc").is_dir():
        return
    for path, copy in _lock_files(root):
        text, before = _text(path), _text(copy)
        if len(_STAGE.findall(text)) < len(_STAGE.findall(before)):
            # Detectors were removed, or another stage is just being recorded.
            time.sleep(_WRITING_S)
            text = _text(path)
        if text != before:
            copy.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(copy) as temporary:
                temporary.write_text(text, encoding="utf-8")


def repair_lock_files(root: Path) -> int:
    """Make every `dvc.lock` whole again that was cut off; return the number of files.

    DVC writes the file in place. Killed in the middle, it leaves a part, which no later command accepts. The stage
    where the file ends is taken out, and the stages that are missing are taken from the copy that was made when the
    latest stage started. A file that is broken in another way, such as by a merge, stays as it is; so does any while
    DVC is at work in the project.

    Parameters
    ----------
    root : Path
        The project.
    """
    broken = [(path, copy) for path, copy in _lock_files(root) if not _is_valid(_text(path))]
    if not broken or dvc_works(root):
        return 0
    return sum(_repair(path, copy) for path, copy in broken)


def _lock_files(root: Path) -> Iterator[tuple[Path, Path]]:
    """Yield every `dvc.lock` that exists, and the place of its copy."""
    for path in (root / "dvc.lock", *sorted(root.glob("experiments/*/dvc.lock"))):
        if path.is_file():
            yield path, root / _COPIES / path.relative_to(root)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _repair(path: Path, copy: Path) -> bool:
    """Repair a file if it was cut off and nothing else is wrong with it."""
    text = _text(path)
    head, stages = _whole_stages(text)
    if _CONFLICT.search(text) or (not _HEAD.startswith(head) and not _is_valid(_joined(head, stages))):
        return False
    older_head, older = _whole_stages(_text(copy))
    stages = {**stages, **{name: entry for name, entry in older.items() if name not in stages}}
    if not stages:
        # DVC makes it anew.
        path.unlink()
        return True
    repaired = _joined(older_head if len(head) < len(_HEAD) else head, stages)
    if not _is_valid(repaired):
        return False
    with atomic_file(path) as temporary:
        temporary.write_text(repaired, encoding="utf-8")
    return True


def _whole_stages(text: str) -> tuple[str, dict[str, str]]:
    """Return what comes before the first stage, and the entry of every stage, without a last one that is cut off."""
    starts = [found.start() for found in _STAGE.finditer(text)]
    ends = [*starts, len(text)][1:]
    entries = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    stages = {entry.partition("\n")[0]: entry for entry in entries}
    head = text[: starts[0]] if starts else text
    if stages and not _is_valid(_joined(head, stages)):
        stages.popitem()
    return head, stages


def _joined(head: str, stages: dict[str, str]) -> str:
    return head + "".join(stages.values())


def _is_valid(text: str) -> bool:
    """Tell whether DVC takes a text for a lock file."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from ruamel.yaml import YAML, YAMLError
    from voluptuous import Invalid

    try:
        found: Any = YAML(typ="safe").load(text)
        COMPILED_LOCKFILE_SCHEMA(found)
    except (YAMLError, Invalid, ValueError, TypeError, RecursionError):
        return False
    return True
