"""Which rooms may import which: data flows one way, and the core knows no platform."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "stridor"
# Each room with the rooms it may import; modules beside the rooms (errors, params, seeds, whole) serve all.
ROOMS = {
    "transfer": set(),
    "audio": set(),
    "data": {"audio", "transfer"},
    "models": {"audio", "data"},
    "checkpoints": {"models", "transfer"},
    "planning": {"audio", "data", "models", "running", "training", "stages"},
    "running": {"models", "tracking"},
    "commands": {"checkpoints", "planning", "running", "stages", "sweep", "table"},
    "training": {"audio", "data", "models"},
    "scoring": {"audio", "data", "models"},
    "baselines": {"audio", "data", "scoring"},
    "tracking": {"audio", "data", "models", "scoring"},
    "serving": {"audio", "data", "models", "scoring", "tracking"},
    "distillation": {"audio", "data", "models", "training", "tracking"},
    "stages": {"audio", "data", "models", "training", "scoring", "baselines", "tracking", "serving"},
    "tuning": {"audio", "data", "models", "training", "scoring", "tracking", "stages"},
    "sweep": {"data", "models", "scoring", "stages"},
    "table": {"data", "running", "scoring", "tracking", "stages"},
}
SHARED = {"cores", "digests", "errors", "params", "records", "seeds", "whole"}
PLATFORMS = {"mlflow", "dvc", "optuna"}
CORE = ("audio", "data", "models", "training", "scoring", "baselines")
MODULES = sorted(SOURCE.rglob("*.py"))


def imports(module: Path) -> set[str]:
    """Every dotted name that a module imports, also inside functions."""
    found: set[str] = set()
    package = ("stridor", *module.relative_to(SOURCE).parent.parts)
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            found.add(".".join((*base, node.module or "")).strip("."))
    return found


def room_of(module: Path) -> str:
    parts = module.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else module.stem


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.relative_to(SOURCE).as_posix())
def test_a_module_imports_only_what_its_room_may(module):
    room = room_of(module)
    used = {name.split(".")[1] for name in imports(module) if name.startswith("stridor.")}
    if room in ROOMS:
        assert used <= ROOMS[room] | SHARED | {room}
    elif room in SHARED:
        assert used <= SHARED
    if room in CORE:
        assert not {name.split(".")[0] for name in imports(module)} & PLATFORMS


def test_every_room_is_known():
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(ROOMS)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.relative_to(SOURCE).as_posix())
def test_a_module_says_its_job_and_stays_readable(module):
    text = module.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "a module docstring says the job"
    assert len(text.splitlines()) <= 250
