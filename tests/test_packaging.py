"""What a plain installation holds, what the extra adds, and that scoring needs no more than the plain one."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lean import hide, modules_besides, packages_distributions, with_dependencies
from mlflow_project import in_project, register_champion, wave, write_detector
from stridor.audio.files import write_clip
from stridor.common.errors import PIPELINE_MODULES
from stridor.tracking.model_files import download_model
from stridor.tracking.registry import SERVING_PACKAGES
from tiny import tiny_params

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BASE = PROJECT["dependencies"]
PIPELINE = PROJECT["optional-dependencies"]["pipeline"]


@pytest.fixture(scope="module")
def model(tmp_path_factory, empty_database):
    """The folder of a registered detector, with a clip beside it."""
    folder = tmp_path_factory.mktemp("downloaded")
    with in_project(tmp_path_factory.mktemp("project"), empty_database) as root:
        params = tiny_params()
        encoder, banks = write_detector(root, params)
        register_champion("pump", encoder, banks, params, None, {"hmean": 0.5})
        found = shutil.copytree(download_model("pump", folder), folder / "model")
    write_clip(folder / "clip.wav", wave(99, 7000, 450))
    # Of another rate, for the resampling.
    import soundfile

    soundfile.write(folder / "other.wav", wave(98, 22050), 22050)
    return found


def without_pipeline(code, *arguments, cwd):
    """Run Python with nothing installed but what `pip install stridor` installs."""
    hidden = modules_besides(with_dependencies(BASE))
    command = [sys.executable, "-c", hide(hidden) + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


@pytest.mark.slow
def test_a_plain_installation_scores(model):
    code = "from stridor.cli.main import main; main()"
    clips = ["clip.wav", "other.wav"]
    done = without_pipeline(code, "score", *clips, "--detector", model, "--json", cwd=model.parent)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["recording"] for line in done.stdout.splitlines()] == clips


@pytest.mark.slow
def test_scoring_from_a_folder_imports_neither_mlflow_nor_pandas(model):
    code = """
import sys
from stridor.cli.main import main
main(standalone_mode=False)
print({"mlflow", "pandas", "sklearn", "torchaudio", "scipy.stats", "torch._dynamo"} & set(sys.modules))
"""
    done = without_pipeline(code, "score", "clip.wav", "--detector", model, cwd=model.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.slow
def test_a_served_model_loads_all_that_is_pinned_and_needs_nothing_else(model):
    """As in the environment that MLflow makes from the model's requirements; that is all it installs."""
    pins = (model / "requirements.txt").read_text(encoding="utf-8").split()
    kept = with_dependencies(pins)
    code = """
import json, sys
from pathlib import Path
import mlflow, pandas
served = mlflow.pyfunc.load_model(sys.argv[1])
answer = served.predict(pandas.DataFrame({"audio": [Path(name).read_bytes() for name in ("clip.wav", "other.wav")]}))
print(json.dumps([answer["score"].tolist(), sorted({name.partition(".")[0] for name in sys.modules})]))
"""
    command = [sys.executable, "-c", hide(modules_besides(kept)) + code, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=model.parent)
    assert done.returncode == 0, done.stderr
    scores, loaded = json.loads(done.stdout.splitlines()[-1])
    assert len(scores) == 2
    assert all(score > 0 for score in scores)
    # `mlflow` is a part of several packages.
    owners = {module: set(map(canonicalize_name, names)) for module, names in packages_distributions().items()}
    used = {module: owners[module] for module in loaded if module in owners and module != "stridor"}
    assert {module for module, names in used.items() if not names & kept} == set()
    assert {canonicalize_name(Requirement(pin).name) for pin in pins} - set().union(*used.values()) == set()


@pytest.mark.slow
def test_a_plain_installation_has_everything_that_stridor_offers(tmp_path):
    code = """
import doctest, stridor
for name in stridor.__all__:
    found = doctest.DocTestFinder().find(getattr(stridor, name), name)
    runner = doctest.DocTestRunner()
    print(name, [runner.run(one).failed for one in found if one.examples])
"""
    done = without_pipeline(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Failed example" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["data", "dcase", "--list"], ["tune", "--machine", "pump"], ["table"]])
def test_a_command_of_the_pipeline_names_the_extra(tmp_path, arguments):
    (tmp_path / "params.yaml").write_text("detectors:\n  pump:\n    machines: [pump]\n")
    done = without_pipeline("from stridor.cli.main import main; main()", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert "pip install 'stridor[pipeline]'" in line


@pytest.mark.slow
@pytest.mark.parametrize(("command", "recordings"), [("explain", ["clip.wav"]), ("app", [])])
def test_a_command_of_a_small_extra_names_it(model, command, recordings):
    code = "from stridor.cli.main import main; main()"
    done = without_pipeline(code, command, *recordings, "--detector", model, cwd=model.parent)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert f"pip install 'stridor[{command}]'" in line


def test_what_the_small_extras_bring_comes_with_the_pipeline():
    brought = with_dependencies(PIPELINE)
    for extra in ("explain", "app"):
        for one in map(Requirement, PROJECT["optional-dependencies"][extra]):
            assert one.name == "stridor" or canonicalize_name(one.name) in brought


@pytest.mark.slow
def test_a_plain_installation_says_what_a_store_in_a_database_needs(tmp_path):
    (tmp_path / "params.yaml").touch()
    done = without_pipeline("import stridor; stridor.Detector.load('pump')", cwd=tmp_path)
    assert "is a database, which needs the extra stridor[pipeline]" in done.stderr.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_the_sentence_about_the_extra_knows_its_packages():
    wanted = {canonicalize_name(Requirement(one).name) for one in PIPELINE}
    owners = packages_distributions().items()
    brought = {module for module, names in owners if {canonicalize_name(name) for name in names} & wanted}
    importable = {"mlflow", "dvc", "filelock", "lightning_fabric", "matplotlib", "optuna", "requests", "threadpoolctl"}
    assert importable | {"tqdm"} <= brought & PIPELINE_MODULES


def test_what_is_served_is_installed_with_stridor():
    assert set(SERVING_PACKAGES) <= {canonicalize_name(Requirement(one).name) for one in BASE}


def test_the_lock_holds_what_is_declared():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    locked = {canonicalize_name(name): Version(version) for name, version in pins.items()}
    for one in map(Requirement, [*BASE, *PIPELINE, *PROJECT["optional-dependencies"]["dev"]]):
        if one.name != "stridor":
            assert locked[canonicalize_name(one.name)] in one.specifier, one
    assert locked["mlflow"] == locked["mlflow-skinny"]
