"""The project in use: its root, and whether the code that runs is its own."""

import hashlib
import os
from pathlib import Path

from stridor.common.errors import StridorError
from stridor.common.text import printable

_MARKS = ("params.yaml", "dvc.yaml")
_CODE = Path("src/stridor")


def project_root() -> Path | None:
    """Return the root of the project around the working directory; None if there is none.

    In the copies that `dvc exp run --temp` and `--queue` work in, which lie in `.dvc/` of the main checkout, it is the
    main checkout that DVC_ROOT names. Elsewhere that variable counts for nothing: left over from another project, it
    would have this one write there.
    """
    here = Path.cwd()
    if main := os.environ.get("DVC_ROOT"):
        root = Path(main).resolve()
        if here.is_relative_to(root / ".dvc"):
            return root
    return _nearest(here)


def check_code() -> None:
    """Refuse to compute for a project with other code than its own, which DVC hashes as if it had been used.

    That happens in a copy of a project, whose environment still belongs to the original, and where PYTHONPATH names
    another checkout.

    Raises
    ------
    StridorError
        If the project has code in src/ and another version of it is running.
    """
    root = _nearest(Path.cwd())
    used = Path(__file__).resolve().parents[1]
    if root is None or not (root / _CODE).is_dir():
        return
    own = (root / _CODE).resolve()
    if own != used and code_md5(own) != code_md5(used):
        raise StridorError(
            f"The code in {root / _CODE} is not the code that runs, which is {used}; run 'make setup' in {root} and "
            f"use its environment ('source .venv/bin/activate'), or set PYTHONPATH to {root / 'src'}."
        )


def check_path(root: Path) -> None:
    """Refuse a project in a folder whose name DVC and MLflow cannot write down.

    Raises
    ------
    StridorError
        If the path is not UTF-8.
    """
    path = str(root.resolve())
    if any("\ud800" <= character <= "\udfff" for character in path):
        raise StridorError(
            f"The project's path {printable(path)} is not UTF-8, so that neither DVC nor MLflow can use it; rename the "
            "folder."
        )


def code_md5(package: Path) -> str:
    """Return a digest of all modules of a package, by name and content."""
    digest = hashlib.md5(usedforsecurity=False)
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def _nearest(folder: Path) -> Path | None:
    around = (folder, *folder.parents)
    return next((one for one in around if any((one / mark).is_file() for mark in _MARKS)), None)
