"""Arrays on disk: numbers come back, and whatever else a file holds is a reason."""

import pickle

import numpy as np
import pytest

from stridor.common.array_file import read_array


@pytest.mark.parametrize("array", [np.eye(3), np.zeros((0, 4), np.float32), np.arange(5), np.array(True)])
def test_numbers_come_back(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    again = read_array(tmp_path / "a.npy")
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


def test_objects_are_never_loaded_nor_advised_to_be(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"^it holds objects, which are never loaded$"):
        read_array(tmp_path / "a.npy")


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([1j]), np.array(["2020"], "M8[Y]"), np.zeros(1, "V8")])
def test_what_is_no_number_is_refused(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match="instead of numbers"):
        read_array(tmp_path / "a.npy")


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", np.eye(2))
    for content in (b"", b"PK", (tmp_path / "a.npz").read_bytes(), pickle.dumps(1), b"\x93NUMPY"):
        (tmp_path / "a.npy").write_bytes(content)
        with pytest.raises(ValueError, match=r"^\S.*$"):
            read_array(tmp_path / "a.npy")
    with pytest.raises(FileNotFoundError):
        read_array(tmp_path / "absent.npy")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"'shape': (2, 2)", b"'shape   (2, 2)"), (b"(2, 2)", b"(2, -"), (b"(2, 2)", b"(9, 9)"), (b"'<f8'", b"'<q9'"),
        (b"{", b"("), (b"}", b"\0"), (b"False", b"1/0.0"), (b"(2, 2), }       ", b"(9**99, 9**99)}"),
    ],
)  # fmt: skip
def test_a_damaged_header_is_a_reason_in_one_line(tmp_path, old, new):
    np.save(tmp_path / "a.npy", np.eye(2))
    content = (tmp_path / "a.npy").read_bytes()
    assert old in content
    (tmp_path / "a.npy").write_bytes(content.replace(old, new))
    with pytest.raises(ValueError, match=r"^\S[^\n]*$"):
        read_array(tmp_path / "a.npy")
