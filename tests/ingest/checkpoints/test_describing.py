"""What is said of checkpoints, good and bad."""

import pickle

import pytest
import torch
from click.testing import CliRunner

from kit import kit
from stridor.cli.main import main
from stridor.common.errors import StridorError
from stridor.ingest.checkpoints import published
from stridor.ingest.checkpoints.describing import describe, verify
from stridor.ingest.checkpoints.published import Published
from stridor.models.checkpoint import save_encoder
from tiny import tiny_encoder


@pytest.fixture
def file(tmp_path):
    save_encoder(tiny_encoder(), tmp_path / "tiny.pt")
    return tmp_path / "tiny.pt"


def changed(file, change):
    """Change the checkpoint's content by a function."""
    content = torch.load(file, weights_only=True)
    change(content)
    torch.save(content, file)


def test_a_checkpoint_is_described(file):
    encoder = tiny_encoder()
    found = describe(file)
    assert found.parameters == sum(parameter.numel() for parameter in encoder.parameters())
    assert found.published_as is None
    assert f"{encoder.layers} layers of width {encoder.width}" in found.text()
    assert "fine-tuned:   no" in found.text()


def test_a_fine_tuned_reference_is_described():
    found = describe(kit("beats_reference") / "beats_small_finetuned.pt")
    assert "fine-tuned:   yes, for" in found.text()


def test_a_published_file_is_known_by_its_content(file, monkeypatch):
    known = Published("tiny", file.stat().st_size, describe(file).sha256, (), "")
    monkeypatch.setattr("stridor.ingest.checkpoints.describing.CHECKPOINTS", {"tiny": known})
    assert verify(file).published_as == "tiny"
    assert verify(file.rename(file.with_name("another.pt"))).published_as == "tiny"


def test_a_file_that_is_not_what_its_name_says_is_refused(file):
    named = file.rename(file.with_name(f"{published.DEFAULT}.pt"))
    with pytest.raises(StridorError, match=r"bytes and BEATs_iter3_plus_AS2M\.pt as published 361499833"):
        verify(named)


class Hostile:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return (exec, ("import pathlib; pathlib.Path('run').touch()",))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.write_bytes(b"<html>log in</html>"), "is not a PyTorch checkpoint"),
        (lambda file: file.write_bytes(file.read_bytes()[:999]), "is not a PyTorch checkpoint"),
        (lambda file: file.write_bytes(pickle.dumps(Hostile())), "objects besides tensors, which are never loaded"),
        (lambda file: torch.save({"cfg": Hostile(), "model": {}}, file), "which are never loaded"),
        (lambda file: torch.save({"weights": torch.zeros(3)}, file), "expected a file with the entries"),
        (lambda file: changed(file, lambda content: content["model"].popitem()), "lacks 1 tensors"),
        (lambda file: changed(file, lambda content: content["model"].update(more=torch.zeros(1))), "'more'"),
        (lambda file: changed(file, lambda c: next(iter(c["model"].values())).fill_(torch.nan)), "not finite"),
        (lambda file: file.unlink(), "is missing"),
    ],
)
def test_a_bad_file_gets_one_sentence_and_runs_nothing(file, spoil, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spoil(file)
    outcome = CliRunner().invoke(main, ["checkpoint", "verify", str(file)])
    assert outcome.exit_code == 2
    assert said in outcome.output
    assert "weights_only" not in outcome.output
    assert not (tmp_path / "run").exists()


def test_the_commands_tell_what_they_found(file):
    assert "is complete: a BEATs checkpoint" in CliRunner().invoke(main, ["checkpoint", "verify", str(file)]).output
    assert "architecture:" in CliRunner().invoke(main, ["checkpoint", "show", str(file)]).output
    assert published.DEFAULT in CliRunner().invoke(main, ["checkpoint", "fetch", "--list"]).output
