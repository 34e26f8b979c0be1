"""Parameters that are new in params.yaml come into all profiles, and nothing else changes there."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from stridor.cli.main import main
from stridor.params import read_params
from stridor.params.filling import fill_profiles

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path):
    """A project with the parameter files as committed."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    return tmp_path


def texts(root):
    return {path.stem: path.read_text() for path in (root / "profiles").iterdir()}


def remove(root, first, lines=1):
    """Remove lines from every profile, from the one that begins as given, as if params.yaml alone had them."""
    for path in (root / "profiles").iterdir():
        text = path.read_text().splitlines(keepends=True)
        (at,) = [number for number, line in enumerate(text) if line.startswith(first)]
        path.write_text("".join(text[:at] + text[at + lines :]))


@pytest.mark.parametrize(
    ("first", "lines", "name"),
    [
        ("seed:", 1, "seed"),
        ("  gem_p:", 1, "embedding.gem_p"),
        ("    learning_rate_factor:", 1, "training.stage_two.learning_rate_factor"),
        ("tracking:", 3, "tracking.experiment"),
    ],
)
def test_what_profiles_lack_comes_back_with_its_comment_at_its_place(root, first, lines, name):
    committed = texts(root)
    remove(root, first, lines)
    assert fill_profiles(root) == dict.fromkeys(committed, (name,))
    # The demo is what params.yaml is, and the others have these values by default.
    after = texts(root)
    assert after.pop("demo") == (root / "params.yaml").read_text()
    for profile, text in after.items():
        if name != "training.stage_two.learning_rate_factor":
            assert text == committed[profile]
        else:
            # Of a parameter on which params.yaml has a remark of its own.
            (line,) = set(text.splitlines()) - set(committed[profile].splitlines())
            assert line.startswith("    learning_rate_factor: 1.0   # 1 in the report")
    assert fill_profiles(root) == {}


def test_a_new_parameter_has_the_default_of_the_code_and_the_demo_the_value_of_the_demo(root, monkeypatch):
    remove(root, "  held_out_clips:")
    paper = (ROOT / "profiles" / "paper.yaml").read_text()
    monkeypatch.chdir(root)
    done = CliRunner().invoke(main, ["profile", "--fill"])
    assert "profiles/paper.yaml: added training.held_out_clips." in done.output.splitlines()
    assert "No profile lacks" in CliRunner().invoke(main, ["profile", "--fill"]).output
    assert CliRunner().invoke(main, ["profile", "demo", "--fill"]).exit_code == 2
    assert CliRunner().invoke(main, ["profile"]).exit_code == 2
    assert read_params(root / "profiles" / "demo.yaml").training.held_out_clips == 6
    assert read_params(root / "profiles" / "paper.yaml").training.held_out_clips == 8
    assert (root / "profiles" / "paper.yaml").read_text() == paper.replace("held_out_clips: 20 ", "held_out_clips: 8  ")


def test_a_profile_without_a_whole_section_gets_it_with_the_comment_above(root):
    (root / "profiles" / "mine.yaml").write_text("seed: 1\n\ndetectors:\n  fan:\n    machines: [fan]\n")
    added = fill_profiles(root)["mine"]
    assert {"audio.channel", "training.stage_one.epochs", "compute.threads", "table.variants"} <= set(added)
    assert "detectors" not in added
    text = (root / "profiles" / "mine.yaml").read_text()
    assert text.startswith("seed: 1\n\ndetectors:\n  fan:\n    machines: [fan]\n\naudio:\n  channel: mean ")
    assert "\n# Where the work is done; changing these runs nothing again." in text
    mine = read_params(root / "profiles" / "mine.yaml")
    assert mine.training.stage_two.epochs == 100
    assert mine.seed == 1
