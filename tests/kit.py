"""Where tests find recordings and reference numbers that are not part of the project."""

from pathlib import Path

import pytest

KIT = Path(__file__).resolve().parents[2] / "shared" / "kit"


def kit(name: str) -> Path:
    """Return a folder of the kit, or skip the test with a reason that names it."""
    folder = KIT / name
    if not folder.is_dir():
        pytest.skip(f"the folder ../shared/kit/{name} beside the repository is missing")
    return folder
