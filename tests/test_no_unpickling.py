"""Nothing in the package loads what can run code: pickles, YAML with tags, arrays of objects, code in texts."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
# Only to catch its error.
MAY_IMPORT_PICKLE = {"common/tensor_file.py"}
UNPICKLERS = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "jsonpickle"}


def calls(tree):
    """Yield every call with its full name as written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def problems(text, place=""):
    """Return what in a module could run code that a file holds."""
    tree, found = ast.parse(text), []
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [f"import of {name}" for name in names if name.split(".")[0] in UNPICKLERS]
    if place in MAY_IMPORT_PICKLE and not any(name.startswith("pickle.") for name, _ in calls(tree)):
        found = [one for one in found if one != "import of pickle"]
    for name, call in calls(tree):
        given = {one.arg: ast.unparse(one.value) for one in call.keywords}
        if name == "torch.load" and given.get("weights_only") != "True":
            found.append("torch.load without weights_only")
        if name in ("np.load", "numpy.load", "torch.jit.load", "eval", "exec"):
            found.append(name)
        if given.get("allow_pickle", "False") != "False":
            found.append("allow_pickle")
        if name == "YAML" and given.get("typ", "'rt'") not in ("'safe'", "'rt'"):
            found.append("YAML of another type")
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(ROOT / "src/stridor").as_posix())
def test_a_module_loads_nothing_that_can_run_code(source):
    assert problems(source.read_text(encoding="utf-8"), source.relative_to(ROOT / "src/stridor").as_posix()) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "from joblib import load", "torch.load(path)", "torch.load(path, weights_only=False)",
        "np.load(path)", "read_array(file, allow_pickle=True)", "YAML(typ='unsafe')", "eval(text)",
    ],
)  # fmt: skip
def test_what_can_run_code_is_found(text):
    assert problems(text)
