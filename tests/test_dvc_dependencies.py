"""What dvc.yaml says its stages depend on, held against what they import."""

import ast
from functools import cache
from pathlib import Path, PurePosixPath

import pytest
from ruamel.yaml import YAML

from stridor.params import Params
from stridor.params.sections import NO_CHECKPOINT

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
PIPELINES = ("dvc.yaml", "experiments/sweep/dvc.yaml", "experiments/table/dvc.yaml")
# Rooms whose changes do not make results stale.
EXEMPT = {
    "common": "serves all rooms and decides no value; a stage whose results hang on it fails a test of its own",
    "params": "holds no values: what a stage reads is among its DVC parameters, and files spell every value out",
    "tracking": "logs what was computed, and computes nothing",
}
# MLflow takes the served detector as a file: a stage that depends on this room uses it by path.
SERVING, SERVED_MODULE = "src/stridor/serving", "stridor.serving.mlflow_model"


@cache
def imported(module: str) -> frozenset[str]:
    """Modules of stridor that a module imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(file_of(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # What is imported may be a module itself.
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(name for name in found if name and name.startswith("stridor.") and is_module(name))


def file_of(module: str) -> Path:
    path = SOURCE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def is_module(name: str) -> bool:
    return file_of(name).is_file()


def closure(module: str) -> set[str]:
    """A module and all that it imports, by way of others too; rooms that are exempt are not entered."""
    seen, left = set(), [module]
    while left:
        one = left.pop()
        if one not in seen and room(one) not in EXEMPT:
            seen.add(one)
            left += imported(one)
    return seen


def room(module: str) -> str:
    return module.split(".")[1]


def stages() -> dict[str, dict]:
    found = {}
    for file in PIPELINES:
        for name, stage in YAML(typ="safe").load((ROOT / file).read_text(encoding="utf-8"))["stages"].items():
            found[f"{file}:{name}"] = stage.get("do", stage)
    return found


def code_of(stage: dict) -> set[str]:
    """Files of the modules that a stage runs; an `__init__` that only describes its room does not count."""
    modules = closure(stage["cmd"].split()[2])
    if SERVING in stage["deps"]:
        modules |= closure(SERVED_MODULE)
    return {file_of(one).relative_to(ROOT).as_posix() for one in modules if imported(one) or not is_package(one)}


def is_package(module: str) -> bool:
    return file_of(module).name == "__init__.py"


@pytest.mark.parametrize("name", stages())
def test_a_stage_depends_on_every_room_that_it_imports(name):
    stage = stages()[name]
    listed = tuple(f"{dep}/" for dep in stage["deps"])
    assert {file for file in code_of(stage) if not f"{file}/".startswith(listed)} == set()


@pytest.mark.parametrize("name", stages())
def test_a_stage_depends_on_no_room_that_it_does_not_import(name):
    stage = stages()[name]
    files = tuple(f"{file}/" for file in code_of(stage))
    listed = {dep for dep in stage["deps"] if dep.startswith("src/")}
    assert {dep for dep in listed if not any(file.startswith(f"{dep}/") for file in files)} == set()


@pytest.mark.parametrize("file", ["params.yaml", *(f"profiles/{name}.yaml" for name in ("demo", "paper", "dcase2025"))])
def test_a_parameter_file_spells_every_value_of_the_pipeline_out(file):
    """A default that changes in the code would otherwise change results without DVC noticing.

    `stridor profile --fill` adds to the profiles what is new in params.yaml.
    """
    values = YAML(typ="safe").load((ROOT / file).read_text(encoding="utf-8"))
    read = {param.split(".")[0] for name, stage in stages().items() for param in stage["params"] if name[:4] == "dvc."}
    for section in sorted(read - {"detectors"}):
        record = getattr(Params.model_fields[section].default, "__class__", None)
        fields = getattr(record, "model_fields", None)
        assert section in values
        if fields is not None:
            assert set(values[section]) == set(fields), section


@pytest.mark.parametrize("name", ["demo", "paper", "dcase2025"])
def test_dvc_looks_at_the_checkpoint_of_every_profile(name):
    """A stage whose dependency is left out by .dvcignore cannot run."""
    values = YAML(typ="safe").load((ROOT / "profiles" / f"{name}.yaml").read_text(encoding="utf-8"))
    ignored = (ROOT / ".dvcignore").read_text(encoding="utf-8").split()
    for checkpoint in (values["encoder"]["checkpoint"], NO_CHECKPOINT):
        path = PurePosixPath(checkpoint)
        assert not [line for line in ignored if any(part.match(line.strip("/")) for part in (path, *path.parents))]
    readers = [stage for stage in stages().values() if "encoder" in stage["params"]]
    assert readers
    assert all("${encoder.checkpoint}" in stage["deps"] for stage in readers)
    assert (ROOT / NO_CHECKPOINT).is_file()
