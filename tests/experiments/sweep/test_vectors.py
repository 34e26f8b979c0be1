"""Vectors on disk."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from made_sweeps import made_vectors
from stridor.common.errors import StridorError
from stridor.experiments.sweep.vectors import MachineVectors
from stridor.params.scoring_sections import Pooling


def test_what_was_saved_loads_back(tmp_path):
    vectors = made_vectors(ways=((-1, "mean"), (0, "bands")))
    vectors.save(tmp_path / "frozen")
    loaded = MachineVectors.load(tmp_path / "frozen", "pump")
    assert (loaded.train_names, loaded.test_names) == (vectors.train_names, vectors.test_names)
    assert loaded.train.keys() == loaded.test.keys() == vectors.train.keys()
    for way in vectors.train:
        assert loaded.train[way].dtype == np.float32
        np.testing.assert_array_equal(loaded.train[way], vectors.train[way])
        np.testing.assert_array_equal(loaded.test[way], vectors.test[way])
    assert loaded.train_domains == ["source"] * 12 + ["target"] * 5
    assert loaded.faulty == {}
    replace(vectors, faulty=vectors.test).save(tmp_path / "faulty")
    found = MachineVectors.load(tmp_path / "faulty", "pump").faulty
    np.testing.assert_array_equal(found[0, "bands"], vectors.test[0, "bands"])


@pytest.mark.parametrize("pooling", get_args(Pooling))
def test_every_pooling_loads_back(tmp_path, pooling):
    vectors = made_vectors(ways=((-1, pooling),))
    vectors.save(tmp_path)
    loaded = MachineVectors.load(tmp_path, "pump")
    assert loaded.train.keys() == loaded.test.keys() == {(-1, pooling)}


def test_missing_and_damaged_vectors_are_an_error(tmp_path):
    with pytest.raises(StridorError, match=r"pump is missing; run 'make sweep'"):
        MachineVectors.load(tmp_path, "pump")
    made_vectors(ways=((-1, "mean"), (0, "bands"))).save(tmp_path)
    (tmp_path / "pump/test_0_bands.npy").write_bytes(b"\x93NUMPY\x01\x00")
    with pytest.raises(StridorError, match=r"pump cannot be read"):
        MachineVectors.load(tmp_path, "pump")
    (tmp_path / "pump/names.json").write_text("{}")
    with pytest.raises(StridorError, match=r"pump cannot be read"):
        MachineVectors.load(tmp_path, "pump")
