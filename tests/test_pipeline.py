"""dvc.yaml as it stands, run for real on two tiny machines."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from forked_python.blank_pictures import VARIABLE
from mlflow_project import in_project
from stridor.common.dvc import track
from stridor.common.errors import StridorError
from stridor.params import read_params
from tiny import write_pump
from tiny_project import VALUES, write_params, write_project

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
MACHINES = ("pump", "press")
DETECTORS = {name: {"machines": [name]} for name in MACHINES}
STAGES = ("augment", "train", "autoencoder", "index", "evaluate", "register")


def dvc(*arguments: str) -> str:
    """Run dvc, and the stages, with the interpreter of the tests; return what it printed."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ran(printed: str) -> set[str]:
    return set(re.findall(r"Running stage '(.+?)'", printed))


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory, empty_database, forked_python):
    """A project in which the whole pipeline has run, as working directory; what DVC printed.

    Each stage has run once in an interpreter of its own. All else is run by a forked one, without drawing.
    """
    root = tmp_path_factory.mktemp("pipeline")
    with in_project(root, empty_database), pytest.MonkeyPatch.context() as patch:
        for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
            shutil.copy(ROOT / name, root)
        for name in ("sweep", "table"):
            (root / "experiments" / name).mkdir(parents=True)
            shutil.copy(ROOT / "experiments" / name / "dvc.yaml", root / "experiments" / name)
        # The stages depend on the code; a copy could differ from what the interpreter imports.
        for name in ("src", "pretrained"):
            (root / name).symlink_to(ROOT / name)
        subprocess.run(["git", "init", "-q"], check=True)
        write_project(root, "noise")
        write_pump(root, "clean", "press", seed=1)
        write_params(root, detectors=DETECTORS)
        (root / "data.dvc").unlink()
        with patch.context() as at_first:
            forked_python.replace(at_first)
            dvc("init", "-q")
            track(root / "data")
        printed = dvc("repro", *(f"{stage}@pump" for stage in STAGES))
        forked_python.replace(patch)
        patch.setenv(VARIABLE, "1")
        yield printed + dvc("repro")


def test_every_stage_of_every_detector_ran(reproduced):
    assert ran(reproduced) == {f"{stage}@{machine}" for stage in STAGES for machine in MACHINES} | {"summary"}
    assert "press" in Path("reports/summary.md").read_text()


def test_a_second_run_does_nothing(reproduced):
    assert ran(dvc("repro")) == set()
    assert "up to date" in dvc("status", "dvc.yaml")


def test_another_checkpoint_under_the_same_name_is_noticed(reproduced):
    from stridor.models.checkpoint import save_encoder
    from tiny import tiny_encoder

    before = Path("tiny.pt").read_bytes()
    save_encoder(tiny_encoder(seed=7), Path("tiny.pt"))
    try:
        planned = ran(dvc("repro", "--dry"))
    finally:
        Path("tiny.pt").write_bytes(before)
    assert {f"train@{machine}" for machine in MACHINES} <= planned
    assert not {f"autoencoder@{machine}" for machine in MACHINES} & planned


def test_a_changed_value_of_one_detector_concerns_that_detector_only(reproduced):
    before = Path("params.yaml").read_text()
    values = YAML(typ="safe").load(before)
    values["detectors"]["press"]["learning_rate"] = 0.001
    write_params(Path(), detectors=values["detectors"])
    planned = ran(dvc("repro", "--dry"))
    Path("params.yaml").write_text(before)
    assert {stage.partition("@")[2] for stage in planned} == {"press", ""}
    assert "train@press" in planned


def test_a_changed_clip_retrains_its_machine_only(reproduced):
    clip = Path("data/pump/train/section_00_source_train_normal_0000_noAttribute.wav")
    before = clip.read_bytes()
    other = Path("data/pump/train/section_00_source_train_normal_0001_noAttribute.wav").read_bytes()
    clip.unlink()
    clip.write_bytes(other)
    try:
        again = ran(dvc("repro", "--glob", "train@*"))
    finally:
        clip.unlink()
        clip.write_bytes(before)
    # Both look at data/, but only one finds a manifest that differs.
    assert again == {"augment@pump", "augment@press", "train@pump"}


def test_scoring_parameters_do_not_train_again(reproduced):
    write_params(Path(), detectors=DETECTORS, bank=VALUES["bank"] | {"k": 2})
    planned = ran(dvc("repro", "--dry"))
    write_params(Path(), detectors=DETECTORS)
    assert "index@press" in planned
    assert not {"train@press", "autoencoder@press"} & planned


def test_metrics_can_be_shown(reproduced):
    shown = dvc("metrics", "show", "--md")
    assert "fine_tuned.hmean" in shown
    assert "results/press/metrics.json" in shown


def test_the_sweep_is_a_pipeline_of_its_own_that_embeds_once(reproduced):
    # Embedding parameters differ from the pipeline's only in what it never looks at.
    write_params(Path(), detectors=DETECTORS, embedding={"layer": -1, "gem_p": 3.0, "rdp_gamma": 4.0})
    try:
        first, second = dvc("repro", "experiments/sweep/dvc.yaml"), dvc("repro", "experiments/sweep/dvc.yaml")
        swept = {
            "experiments/sweep/dvc.yaml:score",
            *(f"experiments/sweep/dvc.yaml:pool@{machine}" for machine in MACHINES),
        }
        assert swept <= ran(first)
        assert not ran(second)
        assert "leave one machine out" in Path("reports/sweep.md").read_text()
    finally:
        write_params(Path(), detectors=DETECTORS)


def test_the_table_runs_cells_beside_each_other_and_once(reproduced, capfd):
    from stridor.experiments.table.make_table import cell_stages, make_table

    # A further seed concerns the full method as well.
    two_seeds = {"seeds": [1, 2], "full_seeds": [2], "variants": {"same": {"bank.k": 1}}}
    write_params(Path(), detectors=DETECTORS, table=two_seeds, evaluation={"bootstrap": 110})
    cells = {stage for cell in cell_stages(read_params()) for stage in cell}
    assert len(cells) == 2 * len(MACHINES) * (2 + 1)
    try:
        make_table(jobs=2)
        # What the pipeline lacks is run as well, but nothing is registered for a table.
        lacking = {f"evaluate@{machine}" for machine in MACHINES} | {"summary"}
        stages = ran(capfd.readouterr().out)
        assert cells | lacking | {"experiments/table/dvc.yaml:report"} == stages
        page = Path("reports/table.md").read_text()
        assert "trained with 2 seeds" in page
        # With equal values the variant and the full method are the same, seed by seed.
        totals = {line.split(" | ")[0]: line.split(" | ")[1:3] for line in page.splitlines() if line.startswith("| ")}
        assert totals["| same"] == totals["| full method"]
        make_table(jobs=2)
        assert not {stage for stage in ran(capfd.readouterr().out) if stage.startswith("experiments/table/")}
        # Without variants there is no cell.
        shutil.rmtree("experiments/table/results")
        no_cells = {"seeds": [1], "full_seeds": [], "variants": {}}
        write_params(Path(), detectors=DETECTORS, table=no_cells, evaluation={"bootstrap": 110})
        make_table(jobs=2)
        rows = {line.split(" | ")[0] for line in Path("reports/table.md").read_text().splitlines()}
        assert "| full method" in rows
        assert "| same" not in rows
    finally:
        write_params(Path(), detectors=DETECTORS)


def test_a_cell_that_fails_is_told_and_leaves_the_others(reproduced, capfd):
    from stridor.experiments.table.make_table import make_table

    broken = VALUES["table"] | {"variants": {"broken": {"training.learning_rat": 1.0}}}
    # The pipeline is as the table before has left it.
    write_params(Path(), detectors=DETECTORS, table=broken, evaluation={"bootstrap": 110})
    try:
        with pytest.raises(StridorError, match="run the same command again, finished stages are kept"):
            make_table(jobs=2)
        assert "table.variants.broken" in capfd.readouterr().err
    finally:
        write_params(Path(), detectors=DETECTORS)


# The last one, as it leaves the project with other values.
def test_the_command_runs_detectors_beside_each_other_and_ends_as_repro_does(reproduced, capfd):
    from click.testing import CliRunner

    from stridor.cli.main import main

    def repro():
        outcome = CliRunner().invoke(main, ["repro", "--jobs", "2"])
        assert outcome.exit_code == 0, outcome.output
        return outcome.output, ran(capfd.readouterr().out)

    write_params(Path(), detectors=DETECTORS, bank=VALUES["bank"] | {"threshold_percentile": 80})
    said, stages = repro()
    assert "TFLOP" in said
    assert "detectors: 2, 0 of them up to date; 2 at a time" in said
    again = ("autoencoder", "index", "evaluate", "register")
    assert stages == {f"{stage}@{machine}" for stage in again for machine in MACHINES} | {"summary"}
    assert not ran(dvc("repro"))
    assert repro() == ("Everything is up to date.\n", set())
