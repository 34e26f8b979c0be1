"""Ready parameter files: switching params.yaml to one of them without losing what was written into it."""

from dataclasses import dataclass
from pathlib import Path

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError
from stridor.params import PARAMS, Params, read_params
from stridor.params.text import diff

FOLDER = Path("profiles")


@dataclass(frozen=True)
class Switch:
    """A change of profile.

    Attributes
    ----------
    name : str
    changes : str
        As git would show them; empty if params.yaml is this profile already.
    missing : tuple of str
        What the profile needs and is not there, a sentence each.
    """

    name: str
    changes: str
    missing: tuple[str, ...]

    def text(self) -> str:
        """Return what was done and what is still to do, for printing."""
        head = self.changes or f"params.yaml is the profile '{self.name}' already.\n"
        return "\n".join([head.rstrip("\n"), *self.missing])


def switch(name: str, root: Path, *, force: bool = False) -> Switch:
    """Replace params.yaml by a profile.

    Parameters
    ----------
    name : str
        Of `profiles/<name>.yaml`.
    root : Path
        The project's.
    force : bool
        Also if params.yaml holds something that no profile has.

    Raises
    ------
    StridorError
        If there is no such profile, it is wrong, or changes of params.yaml would be lost.
    """
    names = sorted(path.stem for path in (root / FOLDER).glob("*.yaml"))
    if name not in names:
        raise StridorError(f"There is no profile '{name}'; profiles/ holds {', '.join(names) or 'none'}.")
    wanted = root / FOLDER / f"{name}.yaml"
    params = read_params(wanted)
    target = root / PARAMS
    after = wanted.read_text(encoding="utf-8")
    before = target.read_text(encoding="utf-8") if target.exists() else ""
    known = {(root / FOLDER / f"{one}.yaml").read_text(encoding="utf-8") for one in names} | {""}
    if before not in known and not force:
        raise StridorError(
            "params.yaml holds changes that no profile has; keep them by 'cp params.yaml profiles/mine.yaml' (then "
            f"'make profile NAME=mine' brings them back), or give them up by 'stridor profile {name} --force'."
        )
    with atomic_file(target) as temporary:
        temporary.write_text(after, encoding="utf-8")
    return Switch(name, diff(before, after, 1), tuple(_missing(params, root)))


def _missing(params: Params, root: Path) -> list[str]:
    there = {path.name for path in (root / "data").glob("*") if path.is_dir()}
    missing = []
    if absent := [machine for machine in params.machines if machine not in there]:
        missing.append(
            f"data/ has no clips of {', '.join(absent)}: 'make data' makes the demo's, 'make data DATASET=dcase2025' "
            "fetches the real ones, 'stridor data import' takes your own."
        )
    if left := sorted(there.difference(params.machines)):
        missing.append(f"No detector of this profile listens to {', '.join(left)}; add them to 'detectors'.")
    for checkpoint in params.checkpoints:
        if not (root / checkpoint).is_file():
            missing.append(f"The checkpoint {checkpoint} is not there: 'make checkpoint' fetches it.")
    return missing
