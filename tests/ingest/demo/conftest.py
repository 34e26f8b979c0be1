"""The demo data as users get it, made once for all tests of this folder that look at the whole."""

import pytest

from stridor.ingest.demo import generate


@pytest.fixture(scope="session")
def whole_demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "data"
    generate(folder)
    return folder
