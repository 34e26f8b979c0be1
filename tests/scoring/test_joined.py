"""Joined views against a direct computation, and what they refuse."""

import json

import numpy as np
import pytest

from stridor.common.errors import StridorError
from stridor.params.scoring_sections import BankParams
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.bank_files import DESCRIPTION_FILE, EMBEDDINGS_FILE
from stridor.scoring.joined import JoinedBank, load_bank

VIEWS = (BankParams(metric="whitened"), BankParams(metric="cosine", k=2, target_oversampling=0.5))
WIDTHS = (4, 7)
DOMAINS = ["source"] * 9 + ["target"] * 3
NAMES = [f"clip_{i:02}.wav" for i in range(12)]


def made(clips: int, seed: int = 0) -> np.ndarray:
    return 3 + np.random.default_rng(seed).normal(size=(clips, sum(WIDTHS)))


def joined(embeddings: np.ndarray) -> JoinedBank:
    return JoinedBank(VIEWS, WIDTHS).fit(embeddings, DOMAINS, NAMES)


def test_scores_are_means_of_standardised_logarithms():
    embeddings, queries = made(12), made(5, seed=1)
    standardised, own, deviations = [], [], []
    for params, columns in zip(VIEWS, (slice(0, 4), slice(4, 11)), strict=True):
        bank = ReferenceBank(params).fit(embeddings[:, columns], DOMAINS, NAMES)
        logs = np.log(bank.leave_one_out_scores())
        standardised.append((np.log(bank.score_samples(queries[:, columns])) - np.mean(logs)) / np.std(logs))
        own.append((logs - np.mean(logs)) / np.std(logs))
        deviations.append(np.std(logs))
    bank = joined(embeddings)
    expected = np.exp(np.mean(standardised, axis=0) * np.mean(deviations))
    np.testing.assert_allclose(bank.score_samples(queries), expected, rtol=1e-9)
    expected = np.exp(np.mean(own, axis=0) * np.mean(deviations))
    np.testing.assert_allclose(bank.leave_one_out_scores(), expected, rtol=1e-9)


def test_one_view_alone_keeps_its_order_and_ratios():
    embeddings, queries = made(12)[:, :4], made(5, seed=1)[:, :4]
    one = JoinedBank(VIEWS[:1], WIDTHS[:1]).fit(embeddings, DOMAINS, NAMES)
    alone = ReferenceBank(VIEWS[0]).fit(embeddings, DOMAINS, NAMES)
    typical = np.exp(np.log(alone.leave_one_out_scores()).mean())
    np.testing.assert_allclose(one.score_samples(queries), alone.score_samples(queries) / typical, rtol=1e-9)


def test_the_unit_of_a_view_does_not_matter():
    embeddings, queries = made(12), made(5, seed=1)
    louder = np.repeat([1e6, 1e-3], WIDTHS)
    scores = joined(embeddings * louder).score_samples(queries * louder)
    np.testing.assert_allclose(scores, joined(embeddings).score_samples(queries), rtol=1e-6)


def test_saved_twice_gives_the_same_bytes_and_loads_back(tmp_path):
    bank, queries = joined(made(12)), made(5, seed=1)
    bank.save(tmp_path / "one")
    loaded = load_bank(tmp_path / "one")
    loaded.save(tmp_path / "again")
    for name in (EMBEDDINGS_FILE, DESCRIPTION_FILE):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    np.testing.assert_array_equal(loaded.score_samples(queries), bank.score_samples(queries))
    np.testing.assert_array_equal(loaded.leave_one_out_scores(), bank.leave_one_out_scores())
    assert loaded.neighbours(queries, 3) == bank.neighbours(queries, 3)
    assert (loaded.views, loaded.widths) == (VIEWS, WIDTHS)


def test_a_bank_of_one_view_loads_as_such(tmp_path):
    ReferenceBank().fit(np.eye(3), ["source"] * 3, ["a", "b", "c"]).save(tmp_path / "bank")
    assert isinstance(load_bank(tmp_path / "bank"), ReferenceBank)


def test_a_copy_of_a_reference_scores_zero_and_is_its_own_neighbour():
    embeddings = made(12)
    bank = joined(embeddings)
    assert bank.score_samples(embeddings[3:4])[0] < 1e-6
    assert bank.neighbours(embeddings[3:4], 1)[0][0].file_name == "clip_03.wav"


def test_scores_stay_finite_however_far_a_clip_is():
    scores = joined(made(12)).score_samples(np.stack([1e100 * made(1)[0], made(1, seed=2)[0]]))
    assert np.isfinite(scores).all()
    assert scores[0] > scores[1]


def test_a_view_in_which_all_clips_score_alike_has_no_scale():
    embeddings = made(12)
    embeddings[:, 4:] = np.eye(12, 7)[np.arange(12) % 2]
    with pytest.raises(StridorError, match=r"By view 2 of bank\.views all reference clips score alike"):
        joined(embeddings)


def test_other_widths_are_refused():
    bank = joined(made(12))
    with pytest.raises(StridorError, match="10 values per clip but the views of the bank 11"):
        bank.score_samples(made(2)[:, :10])


@pytest.mark.parametrize("spoiled", ["{", "[]", '{"views": []}', '{"views": [{}]}'])
def test_a_damaged_bank_is_an_error(tmp_path, spoiled):
    joined(made(12)).save(tmp_path / "bank")
    (tmp_path / "bank" / DESCRIPTION_FILE).write_text(spoiled)
    with pytest.raises(StridorError, match="not contain a readable bank"):
        load_bank(tmp_path / "bank")


def test_the_description_names_every_view(tmp_path):
    joined(made(12)).save(tmp_path / "bank")
    views = json.loads((tmp_path / "bank" / DESCRIPTION_FILE).read_text())["views"]
    assert [(view["metric"], view["width"]) for view in views] == [("whitened", 4), ("cosine", 7)]


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("centre", []), ("centre", {}), ("centre", "1"), ("centre", 1e308), ("centre", float("nan")), ("centre", True),
        ("deviation", 0.0), ("deviation", -1.0), ("deviation", float("inf")), ("deviation", None), ("width", 0),
        ("width", "4"), ("width", None),
    ],
)  # fmt: skip
def test_the_scale_of_a_view_has_to_be_one_that_scores_have(tmp_path, entry, value):
    joined(made(12)).save(tmp_path / "bank")
    path = tmp_path / "bank" / DESCRIPTION_FILE
    description = json.loads(path.read_text())
    description["views"][1][entry] = value
    path.write_text(json.dumps(description))
    with pytest.raises(StridorError, match=r"bank does not contain a readable bank \(the (scale|width) of a view is"):
        load_bank(tmp_path / "bank")
