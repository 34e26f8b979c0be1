"""Projects that commands are killed in, prepared once at the place where they are put back later."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from forked_python import ForkedPython
from hard.killing import ROOT, Scene
from recordings import write_machine, write_recording
from stridor.tracking.location import DATABASE
from tiny import write_pump
from tiny_project import VALUES, write_params, write_project

CONFIG = "[core]\n    analytics = false\n    check_update = false\n"


def make_scene(
    factory: pytest.TempPathFactory,
    python: ForkedPython,
    arguments: Sequence[str],
    prepare: Callable[[Path], object],
    outcome: Callable[[Path], object],
    *,
    folder: Path | None = None,
    **how: object,
) -> Scene:
    """Return a scene whose project `prepare` has made in the working directory, in a folder if one is given."""
    templates = factory.mktemp("scene")
    name = prepare.__name__.rstrip("_")
    place = (folder or templates) / name
    scene = Scene(templates / f"{name}.template", place, arguments, python, outcome, **how)
    scene.root.mkdir(parents=True)
    before = Path.cwd()
    os.chdir(scene.root)
    try:
        prepare(scene.root)
    finally:
        os.chdir(before)
    subprocess.run(["cp", "-a", place, scene.template], check=True)
    return scene


def init_dvc(python: ForkedPython) -> None:
    """Make the working directory a repository of git and DVC."""
    for name in (".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, ".")
    subprocess.run(["git", "init", "-q"], check=True)
    call(python, "-m", "dvc", "init", "-q")
    Path(".dvc/config").write_text(CONFIG)


def write_recordings(source: Path) -> None:
    """Write the recordings of a plain machine, and a machine in the layout of DCASE, to be imported."""
    for kind, number in (("normal", 8), ("normal/target", 4), ("anomaly", 4), ("noise", 2)):
        for i in range(number):
            write_recording(source / "press" / kind / f"{i}.wav", 25, rate_hz=16000)
    write_machine(source / "fan")


def pipeline_project(python: ForkedPython, database: Path, machines: Sequence[str], **values: object) -> None:
    """Make the working directory a project of tiny machines, tracked by DVC, with an empty store."""
    init_dvc(python)
    shutil.copy(ROOT / "dvc.yaml", ".")
    # The stages depend on the code; a copy could differ from what the interpreter imports.
    for name in ("src", "pretrained"):
        Path(name).symlink_to(ROOT / name)
    shutil.copy(database, DATABASE)
    Path("mlruns").mkdir()
    detectors = {name: {"machines": [name]} for name in machines}
    write_project(Path(), "noise")
    for number, machine in enumerate(machines[1:]):
        write_pump(Path(), "clean", machine, seed=number + 1)
    write_params(Path(), detectors=detectors, **values)
    Path("data.dvc").unlink()
    call(python, "-m", "dvc", "add", "-q", "data")


def lean() -> dict[str, dict]:
    """Return the sections of params.yaml that keep a pipeline short."""
    return {"baselines": ["autoencoder_mse", "random"], "evaluation": {"bootstrap": 100}, "sweep": VALUES["sweep"]}


def call(python: ForkedPython, *arguments: str) -> str:
    """Run a forked interpreter in the working directory; return what it printed."""
    path = f"{python.executable.parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [python.executable, *arguments], env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
