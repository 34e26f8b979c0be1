"""The licences that model cards name."""

from stridor.common.digests import file_digest
from stridor.ingest.checkpoints.published import CHECKPOINTS
from stridor.params.sections import EncoderParams
from stridor.serving.licences import KNOWN, origin_of


def test_the_licence_of_every_published_checkpoint_is_known():
    for one in CHECKPOINTS.values():
        assert KNOWN[one.sha256].startswith("MIT")
    assert "Florian Schmid" in KNOWN[CHECKPOINTS["mn04_as_mAP_432"].sha256]


def test_a_card_names_the_file_and_its_licence(tmp_path, monkeypatch):
    (tmp_path / "mine.pt").write_bytes(b"weights")
    of_mine = EncoderParams(checkpoint=str(tmp_path / "mine.pt"))
    assert origin_of(of_mine)["licence"].startswith("not known to stridor")
    monkeypatch.setitem(KNOWN, file_digest(tmp_path / "mine.pt", "sha256"), "mine")
    assert origin_of(of_mine) == {"encoder": "mine.pt", "licence": "mine"}
