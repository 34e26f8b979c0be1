"""What all hard tests share: a seed that is printed, so that a failure can be repeated, and how much is tried."""

import os
import secrets

import pytest

from hard.killing import KILLS


def pytest_configure() -> None:
    """Choose the seed before workers start, which inherit it."""
    os.environ.setdefault("STRIDOR_HARD_SEED", str(secrets.randbelow(10**6)))


def pytest_report_header() -> str:
    return f"hard tests: STRIDOR_HARD_SEED={os.environ['STRIDOR_HARD_SEED']} STRIDOR_HARD_KILLS={KILLS}"


@pytest.fixture(scope="session")
def seed() -> int:
    """The seed of this run; set STRIDOR_HARD_SEED to repeat one."""
    return int(os.environ["STRIDOR_HARD_SEED"])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Kill as often as asked for."""
    if "number" in metafunc.fixturenames:
        metafunc.parametrize("number", range(KILLS))
