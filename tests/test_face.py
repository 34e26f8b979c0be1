"""What `import stridor` offers."""

import ast
import doctest
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import stridor

SOURCE = Path(stridor.__file__).parent
OFFERED = [name for name in stridor.__all__ if name != "__version__"]
# Their example is that of stridor.params.
SECTIONS = {"BankParams", "EmbeddingParams"}


def examples(thing, name):
    return [test for test in doctest.DocTestFinder().find(thing, name) if test.examples]


def test_importing_it_imports_nothing_heavy():
    code = (
        "import sys, stridor\n"
        "dir(stridor), stridor.__version__\n"
        "print({'torch', 'mlflow', 'pydantic', 'numpy', 'pandas'} & sys.modules.keys(), len(stridor.__version__))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("set() ")


@pytest.mark.parametrize("name", OFFERED)
def test_everything_offered_is_there_with_an_example(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    thing = getattr(stridor, name)
    assert name in dir(stridor)
    assert thing.__name__ == name
    found = examples(thing, name)
    assert found or name in SECTIONS
    for test in found:
        assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("module", ["stridor", "stridor.params"])
def test_the_examples_of_a_package(module):
    assert examples(import_module(module), module)
    assert doctest.testmod(import_module(module)).failed == 0


def test_type_checkers_see_what_python_finds():
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    conditions = {ast.unparse(node.test): node for node in tree.body if isinstance(node, ast.If)}
    block = conditions["TYPE_CHECKING"]
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == stridor._MODULES
    assert {*seen, "__version__"} == set(stridor.__all__)
    assert (SOURCE / "py.typed").is_file()


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'Detektor'"):
        stridor.Detektor  # noqa: B018


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "stridor", "--help"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("Usage: stridor ")
