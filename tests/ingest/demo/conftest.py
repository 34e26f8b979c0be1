"""The demo data as users get it, made once for all tests of this folder that look at the whole."""

import pytest

from made_once import made_once
from stridor.ingest.demo import generate


@pytest.fixture(scope="session")
def whole_demo(tmp_path_factory):
    return made_once(tmp_path_factory, "demo", lambda folder: generate(folder / "data")) / "data"
