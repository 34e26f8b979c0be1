"""Which rooms may import which: data flows one way, and the core knows no platform."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "stridor"
# Each room with the rooms below it that it may import; all may import `common`, which imports no other room.
ROOMS = {
    "common": set(),
    "params": set(),
    "audio": {"params"},
    "data": {"audio", "params"},
    "models": {"audio", "params"},
    "scoring": {"audio", "data", "models", "params"},
    "evaluation": {"data", "params"},
    "selection": {"audio", "data", "evaluation", "params", "scoring"},
    "baselines": {"audio", "data", "params", "scoring"},
    "training": {"audio", "data", "models", "params"},
    "tracking": {"audio", "models", "params", "scoring"},
    "serving": {"audio", "baselines", "data", "evaluation", "models", "params", "scoring", "tracking"},
    "explanation": {"audio", "models", "params", "scoring", "serving", "tracking"},
    "application": {"explanation", "serving", "tracking"},
    "distillation": {"audio", "data", "models", "params", "tracking", "training"},
    "ingest": {"audio", "data", "models", "params"},
    "operation": {"audio", "data", "evaluation", "ingest", "models", "params", "scoring", "serving", "tracking"},
    "stages": {
        "audio", "baselines", "data", "evaluation", "models", "params", "scoring", "serving", "tracking", "training",
    },
    "pipeline": {"audio", "data", "evaluation", "models", "params", "scoring", "stages", "tracking", "training"},
    "experiments": {
        "audio", "data", "evaluation", "ingest", "models", "params", "pipeline", "scoring", "selection", "stages",
        "tracking", "training",
    },
    "cli": {
        "application", "distillation", "experiments", "explanation", "ingest", "operation", "params", "pipeline",
        "serving", "stages", "tracking",
    },
}  # fmt: skip
PLATFORMS = {"mlflow", "dvc", "optuna"}
CORE = ("audio", "data", "models", "training", "scoring", "evaluation", "selection", "baselines")
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
        assert used <= ROOMS[room] | {"common", room}
    if room in CORE:
        assert not {name.split(".")[0] for name in imports(module)} & PLATFORMS


def test_rooms_do_not_need_each_other_in_a_circle():
    left = {room: set(below) for room, below in ROOMS.items()}
    while free := [room for room, below in left.items() if not below & left.keys()]:
        for room in free:
            del left[room]
    assert not left


def test_the_clip_and_its_manifest_need_neither_torch_nor_dvc():
    names = {name.split(".")[0] for module in MODULES if room_of(module) == "data" for name in imports(module)}
    assert not names & {"torch", "torchaudio", "dvc"}


def test_imports_are_absolute():
    for module in MODULES:
        nodes = ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        assert not [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level], module


def test_every_room_is_known():
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(ROOMS)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.relative_to(SOURCE).as_posix())
def test_a_module_has_a_docstring_and_stays_readable(module):
    text = module.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "a module docstring says the job"
    assert len(text.splitlines()) <= 250
