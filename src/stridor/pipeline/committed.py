"""How far a run's measures are from those that are committed, and why."""

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stridor.common.git import committed
from stridor.stages.layout import REPORTS

LOCK, MEASURES = Path("dvc.lock"), REPORTS / "metrics.json"
PUT_BACK = "'git checkout dvc.lock results reports' puts the committed files back."


def compare_with_committed() -> str | None:
    """Return one line about the totals of the last run and those of the commit.

    Returns
    -------
    str or None
        None if nothing is committed to compare with, or nothing was measured.
    """
    lock, measures = committed(LOCK), committed(MEASURES)
    if not lock or not measures or not (LOCK.exists() and MEASURES.exists()):
        return None
    changed = sorted(changed_inputs(_lock(lock), _lock(LOCK.read_bytes())))
    before, after = json.loads(measures), json.loads(MEASURES.read_bytes())
    systems = before.keys() & after.keys()
    points = 100 * max((abs(after[one]["total"] - before[one]["total"]) for one in systems), default=0.0)
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        reason = f"since the commit changed: {', '.join(changed[:3])}{more}"
        return f"Totals are within {_upwards(points)} points of the committed ones; {reason}."
    if before == after:
        return "Totals equal the committed ones."
    return (
        f"Totals are within {_upwards(points)} points of the committed ones: data, parameters and code are the same, "
        f"but another processor rounds otherwise. {PUT_BACK}"
    )


def changed_inputs(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Return what the stages read and no stage wrote, and their parameters, that differ between two dvc.lock files.

    Parameters
    ----------
    before, after : dict
        `stages` of dvc.lock.
    """
    old, new = _inputs(before), _inputs(after)
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def _inputs(stages: dict[str, Any]) -> dict[str, Any]:
    written = [Path(out["path"]) for stage in stages.values() for out in stage.get("outs", [])]
    found: dict[str, Any] = {}
    for stage in stages.values():
        for dep in stage.get("deps", []):
            path = Path(dep["path"])
            if not any(path == out or out in path.parents or path in out.parents for out in written):
                found[dep["path"]] = dep.get("md5")
        for file, values in stage.get("params", {}).items():
            found |= {f"{name} of {file}": value for name, value in values.items()}
    return found


def _lock(text: bytes) -> dict[str, Any]:
    return (YAML(typ="safe").load(text) or {}).get("stages", {})


def _upwards(points: float) -> str:
    """Round up to a tenth, so that the sentence is true."""
    return f"{-(-round(points, 6) * 10 // 1) / 10:.1f}"
