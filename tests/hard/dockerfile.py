"""The steps of a Dockerfile, and running them in a virtual environment in the place of an image."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """An instruction and what follows it, lines joined."""

    instruction: str
    rest: str


def read_steps(text: str) -> list[Step]:
    """Return the steps of a Dockerfile."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Step(*line.split(None, 1)) for line in joined.splitlines()]


@dataclass
class Built:
    """What stands for an image.

    Attributes
    ----------
    root : Path
        Folder that stands for `/`; the virtual environment is `venv` in it.
    environment : dict
        Variables of the container.
    user : str
    command : list of str
    health : str
    ports : list of str
    workdir : Path
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    command: list[str] = field(default_factory=list)
    health: str = ""
    ports: list[str] = field(default_factory=list)
    workdir: Path = Path("/")

    @property
    def folder(self) -> Path:
        """The folder that stands for the working directory."""
        return self.root / self.workdir.relative_to("/")

    def variables(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a process of the container: those of the image, and `given` ones."""
        return {"PATH": f"{self.root / 'venv' / 'bin'}:/usr/bin:/bin", **self.environment, **given}


def build(project: Path, root: Path, arguments: Mapping[str, str], of_pip: Mapping[str, str]) -> Built:
    """Run the steps of a project's Dockerfile in a fresh virtual environment.

    Parameters
    ----------
    project : Path
        The context.
    root : Path
    arguments : mapping
        In the place of the defaults of ARG, as `docker build --build-arg` gives them.
    of_pip : mapping
        Variables that pip needs here, to reach its registry.
    """
    subprocess.run([sys.executable, "-m", "venv", root / "venv"], check=True)
    built, build_time = Built(root), dict(of_pip)
    allowed = {line[1:] for line in (project / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for step in read_steps((project / "Dockerfile").read_text()):
        words = shlex.split(step.rest)
        match step.instruction:
            case "FROM":
                assert re.fullmatch(r"python:3\.\d+-slim", step.rest), step
            case "ARG":
                name, _, default = step.rest.partition("=")
                build_time[name] = arguments.get(name, default)
            case "ENV":
                built.environment |= dict(word.split("=", 1) for word in words)
            case "WORKDIR":
                built.workdir = Path(step.rest)
                built.folder.mkdir(parents=True)
            case "COPY":
                *sources, target = words
                assert set(sources) <= allowed, f"{sources} are hidden by .dockerignore"
                for source in sources:
                    _copy(project / source, built.folder / target, len(sources) > 1 or target.endswith("/"))
            case "RUN":
                # An absolute path would be one of this machine.
                assert not re.search(r"(^|[\s=])/", step.rest), step
                subprocess.run(["sh", "-ec", step.rest], check=True, cwd=built.folder,
                               env=built.variables(build_time))  # fmt: skip
            case "EXPOSE":
                built.ports += words
            case "USER":
                built.user = step.rest
            case "HEALTHCHECK":
                built.health = step.rest.partition("CMD ")[2]
            case "CMD":
                built.command = json.loads(step.rest)
            case _:
                raise AssertionError(f"{step} is not known here")
    return built


def _copy(source: Path, target: Path, into: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        shutil.copy(source, target / source.name if into or target.is_dir() else target)


def pip_variables() -> dict[str, str]:
    """Return the variables of this machine that say how pip and the network are reached."""
    return {
        name: value for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_", "REQUESTS_")) or name.lower().endswith("_proxy")
    }  # fmt: skip
