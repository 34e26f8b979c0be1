"""params.yaml: read, used for each detector, and edited; and the other files of YAML that are read."""

import io
import math
import random
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from fuzzing.mutations import TEXTS, any_digits, mutated_bytes, mutated_text, mutated_tree
from fuzzing.sandbox import Sandbox, Wrong
from fuzzing.subject import Subject
from stridor.common.dvc import data_md5
from stridor.params import Params, read_params
from stridor.params.editing import edit_detectors, with_seeds, with_tuned_values
from stridor.tracking.model_files import read_model

_ROOT = Path(__file__).resolve().parents[3]
_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")
_TRACKER = "outs:\n- md5: 9c1f7d0e3b0a4b1f8f3e6f3b1f2d3c4b.dir\n  size: 123\n  nfiles: 7\n  hash: md5\n  path: data\n"
_MODEL = """\
flavors:
  python_function:
    artifacts:
      banks: {path: artifacts/bank, uri: artifacts/bank}
      encoder: {path: artifacts/encoder.pt, uri: artifacts/encoder.pt}
    config:
      device: cpu
      machines: [pump]
    loader_module: mlflow.pyfunc.model
mlflow_version: 3.17.2
"""
# What YAML has and a file of parameters needs not: {0} is the path of the canary.
_TRICKS = (
    "a: !!python/object/apply:os.system ['touch {0}']\n",
    "a: !!python/object/new:subprocess.Popen [['touch', '{0}']]\n",
    "seed: !!python/name:os.system\n",
    "a: !!python/module:antigravity\n",
    "seed: !!int '0x{0}'\n",
    "seed: !!binary aGVsbG8=\n",
    "seed: !!timestamp 2001-99-99\n",
    "seed: !!set {{a, b}}\n",
    "detectors: &a [*a, *a]\n",
    "x: &x {{y: *x}}\n",
    "a: &a [l,l,l,l,l,l,l,l,l]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
    "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
    "base: &base {{epochs: 1}}\ntraining:\n  stage_one:\n    <<: *base\n",
    "training:\n  <<: [*none]\n",
    "? [a, b]\n: 1\n",
    "? {{a: b}}\n: 1\n",
    "%YAML 1.1\n---\nseed: 010\n",
    "%YAML 9.9\n---\nseed: 1\n",
    "%TAG ! tag:example.com,2000:\n---\nseed: !x 1\n",
    "--- 1\n--- 2\n",
    "...\n...\n",
    "seed: |\n  1\n",
    "seed: >-\n\n\n  1\n",
    "'seed': \"\\ud800\"\n",
    "seed: 1 #\x07\n",
    "seed: 1_000_000\nseed: 2\n",
    "seed: 0b101\n",
    "seed: 190:20:30\n",
    "seed: .nan\n",
    "seed: .inf\n",
    "seed: 1e999999999\n",
    "seed: 1e-999999999\n",
)


class ParamsFile(Subject):
    """A mutated params.yaml, sometimes a data.dvc or an MLmodel."""

    # An edit reads and writes a file several times, and the largest that is read takes seconds each time.
    seconds = 30.0

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        files = [_ROOT / "params.yaml", *sorted((_ROOT / "profiles").glob("*.yaml"))]
        self.texts = [file.read_text(encoding="utf-8") for file in files]
        self.trees = [YAML(typ="safe").load(text) for text in self.texts]

    def write(self, rng: random.Random, folder: Path) -> None:
        """Write one file."""
        name = rng.choices(("params.yaml", "data.dvc", "MLmodel"), (8, 1, 1))[0]
        texts = {"data.dvc": [_TRACKER], "MLmodel": [_MODEL]}.get(name, self.texts)
        number = rng.randrange(len(texts))
        text, tree = texts[number], None
        if name == "params.yaml":
            tree = self.trees[number]
        way = rng.random()
        if way < 0.5:
            tree = YAML(typ="safe").load(text) if tree is None else tree
            content = _dumped(mutated_tree(tree, rng), rng)
        elif way < 0.7:
            content = mutated_text(text, rng)
        elif way < 0.85:
            trick = rng.choice(_TRICKS).format(self.sandbox.canary)
            content = (trick if rng.random() < 0.4 else _placed(text, trick, rng)).encode("utf-8", "surrogatepass")
        else:
            content = mutated_bytes(text.encode(), rng, head=len(text))
        (folder / name).write_bytes(content)

    def names(self, folder: Path) -> tuple[str, ...]:
        """Return the file's name."""
        return tuple(path.name for path in folder.iterdir())

    def check(self, rng: random.Random, folder: Path) -> None:
        """Read it, and what is accepted has to be sound."""
        [path] = folder.iterdir()
        if path.name == "data.dvc":
            data_md5(folder / "data")
        elif path.name == "MLmodel":
            read_model(folder)
        else:
            params = read_params(path)
            for name in params.detectors:
                _check_sound(params.for_detector(name))
            self._edit(path, params, rng)

    def _edit(self, path: Path, params: Params, rng: random.Random) -> None:
        """Edit the file as an import and as tuning do, and read it again."""
        text = path.read_bytes().decode("utf-8-sig")
        detector = next(iter(params.detectors))
        edit = rng.choice((
            lambda: edit_detectors(text, ("new_machine",)).text,
            lambda: edit_detectors(text, ("new_machine",), fresh=True).text,
            lambda: with_tuned_values(text, detector, {"learning_rate": 1e-4}),
            lambda: with_seeds(text, [0, 1]),
        ))  # fmt: skip
        path.write_text(edit(), encoding="utf-8")
        read_params(path)


def _dumped(tree: Any, rng: random.Random) -> bytes:
    yaml, text = YAML(typ="safe" if rng.random() < 0.5 else "rt"), io.StringIO()
    yaml.default_flow_style = rng.random() < 0.1
    with any_digits():
        try:
            yaml.dump(tree, text)
        # What YAML cannot hold is written as it is shown.
        except Exception:
            return repr(tree).encode("utf-8", "surrogatepass")
    return text.getvalue().encode("utf-8", "surrogatepass")


def _placed(text: str, trick: str, rng: random.Random) -> str:
    if rng.random() < 0.5:
        return text + trick
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    value = trick.partition(": ")[2]
    if rng.random() < 0.5 and ":" in lines[at]:
        lines[at] = f"{lines[at].split(':')[0]}: {value.rstrip()}"
    else:
        lines.insert(at, trick)
    return "\n".join(lines) + rng.choice(("", "", rng.choice(TEXTS)))


def _check_sound(params: Params) -> None:
    for name, detector in params.detectors.items():
        for one in (name, *detector.machines):
            if not _SAFE_NAME.fullmatch(one):
                raise Wrong(f"the name {one!r} is accepted")
    for place, value in _leaves(params.model_dump(), ""):
        if isinstance(value, float) and not math.isfinite(value):
            raise Wrong(f"{place} is accepted as {value}")
        if (
            isinstance(value, int)
            and abs(value) > 2**63
            and not {"variants", "overrides", "budget"} & set(place.split("."))
        ):
            raise Wrong(f"{place} is accepted as a number of {len(hex(value))} hexadecimal digits")


def _leaves(tree: Any, place: str) -> Any:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _leaves(value, f"{place}.{key}")
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _leaves(value, place)
    else:
        yield place, tree
