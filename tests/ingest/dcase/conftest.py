"""A server that mimics Zenodo, and a project to bring its recordings into."""

import subprocess
import sys

import pytest

from recordings import PARAMS
from stridor.ingest.dcase import years
from zenodo import YEAR, Zenodo, add_small_year


@pytest.fixture
def small_year(monkeypatch):
    """The number of a year of few clips, which is in the table of years as long as the test runs."""
    monkeypatch.setattr(years, "YEARS", dict(years.YEARS))
    add_small_year()
    return YEAR


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """This machine is asked directly."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server():
    """A server with the archives of the small year."""
    with Zenodo.of_the_small_year().serving() as serving:
        yield serving


@pytest.fixture(scope="session")
def empty_project(tmp_path_factory):
    """A project under git and DVC, made once."""
    root = tmp_path_factory.mktemp("empty project")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=root, check=True)
    (root / "params.yaml").write_text(PARAMS)
    return root
