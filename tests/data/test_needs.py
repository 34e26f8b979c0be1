"""What the stages need of a machine's clips: how many are missing, and what is left out."""

import pytest

from stridor.common.errors import StridorError
from stridor.data.needs import ClipKind, missing_for_measures, require_references, smote_note
from stridor.params.scoring_sections import BankParams
from stridor.scoring.bank import ReferenceBank


def train(sources, targets=0):
    return [ClipKind("train", "source", "normal")] * sources + [ClipKind("train", "target", "normal")] * targets


@pytest.mark.parametrize(
    ("sources", "targets", "options", "missing"),
    [
        (1, 0, {}, 1), (2, 0, {}, 0), (1, 1, {}, 0), (3, 0, {"k": 5}, 3), (6, 0, {"k": 5}, 0),
        (3, 0, {"density_neighbours": 2}, 1), (4, 0, {"density_neighbours": 2}, 0),
        (4, 1, {"domains": "separate"}, 1), (4, 0, {"domains": "separate"}, 2), (2, 2, {"domains": "separate"}, 0),
    ],
)  # fmt: skip
def test_the_bank_needs_what_is_required_before_training(sources, targets, options, missing):
    params = BankParams(**options)
    domains = ["source"] * sources + ["target"] * targets
    embeddings = [[float(i * i), 1.0] for i in range(len(domains))]
    names = [f"{i}.wav" for i in range(len(domains))]
    if missing:
        with pytest.raises(
            StridorError, match=rf"machine 'fan' has \d normal training clips.*, {missing} too few for "
        ):
            require_references("fan", train(sources, targets), params)
        with pytest.raises(StridorError):
            ReferenceBank(params).fit(embeddings, domains, names)
    else:
        require_references("fan", train(sources, targets), params)
        ReferenceBank(params).fit(embeddings, domains, names)


@pytest.mark.parametrize(("targets", "said"), [(0, "there are none"), (1, "there is 1"), (2, None)])
def test_smote_without_two_clips_is_said_to_be_left_out(targets, said):
    domains = ["source"] * 5 + ["target"] * targets
    note = smote_note(domains, BankParams(target_oversampling=0.5))
    assert note is None if said is None else said in note
    assert smote_note(domains, BankParams()) is None


def test_a_bank_with_one_target_clip_scores_without_synthetic_ones():
    embeddings, domains, names = [[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]], ["source", "source", "target"], list("abc")
    plain, asked = (ReferenceBank(BankParams(target_oversampling=share)).fit(embeddings, domains, names)
                    for share in (0, 0.5))  # fmt: skip
    assert asked.score_samples([[3.0, 3.0]]) == plain.score_samples([[3.0, 3.0]])


def test_what_measures_lack():
    normal = [ClipKind("test", domain, "normal") for domain in ("source", "target")]
    anomaly = ClipKind("test", "source", "anomaly")
    assert missing_for_measures(train(3)) == ("test clips",)
    assert missing_for_measures([ClipKind("test", None, None)]) == ("labels in the names of its test clips",)
    assert missing_for_measures([*normal, anomaly]) == ()
    assert missing_for_measures(normal) == ("anomalies",)
    assert missing_for_measures([normal[0], anomaly]) == ("normal test clips of the target domain",)
    assert missing_for_measures([anomaly]) == (
        "normal test clips of the source domain", "normal test clips of the target domain",
    )  # fmt: skip
