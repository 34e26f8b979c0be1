"""The table of published checkpoints."""

import re

import pytest

from stridor.common.errors import StridorError
from stridor.ingest.checkpoints.published import CHECKPOINTS, DEFAULT, published


def test_every_checkpoint_can_be_known_and_asked_for():
    assert DEFAULT == "BEATs_iter3_plus_AS2M"
    for name, one in CHECKPOINTS.items():
        assert one.name == name
        assert re.fullmatch(r"[0-9a-f]{64}", one.sha256)
        # Links of BEATs die; a release of GitHub does not.
        assert len(one.sources) >= 2 or one.sources[0].startswith("https://github.com/")
        assert one.page.startswith("https://github.com/")
        assert all(source.startswith("https://") and source.endswith(f"/{name}.pt") for source in one.sources)
    assert len({one.sha256 for one in CHECKPOINTS.values()}) == len(CHECKPOINTS)


def test_a_name_may_be_that_of_the_file():
    assert published("BEATs_iter3.pt") is published("BEATs_iter3") is CHECKPOINTS["BEATs_iter3"]


def test_an_unknown_name_is_refused_with_those_that_are_known():
    with pytest.raises(StridorError, match="choose one of BEATs_iter3_plus_AS2M, "):
        published("BEATs_iter9")
