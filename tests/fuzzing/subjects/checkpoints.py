"""Files of tensors: encoders, and an autoencoder of the baseline."""

import io
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from fuzzing.mutations import TEXTS, mutated_bytes, mutated_tree, odd_value
from fuzzing.sandbox import Sandbox, Wrong
from fuzzing.subject import Subject
from stridor.baselines.autoencoder import Autoencoder
from stridor.baselines.machine import WEIGHTS_FILE, MachineAutoencoder
from stridor.ingest.checkpoints.describing import describe
from stridor.models.log_mel import LogMelPatches
from stridor.scoring.threshold import calibrate
from stridor.training.resume import ResumeFolder
from tiny import CONFIG, tiny_encoder


class Trap:
    """Writes the canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.system, (f"touch '{self.canary}'",)


class Checkpoints(Subject):
    """A mutated checkpoint."""

    seconds = 20.0

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.encoder = {"cfg": CONFIG.to_cfg(), "model": dict(tiny_encoder().state_dict())}
        log_mel = LogMelPatches()
        self.log_mel = {"cfg": log_mel.to_cfg(), "model": dict(log_mel.state_dict())}
        self.autoencoder = {
            "network": dict(Autoencoder().state_dict()),
            "covariances": {domain: torch.eye(128, dtype=torch.float64) for domain in ("source", "target")},
        }
        self.calibration = calibrate([1.0, 1.1, 1.2, 1.3])
        self.saved = [_saved(one) for one in (self.encoder, self.log_mel, self.autoencoder)]
        # Has PyTorch import what its first convolution needs.
        (sandbox.case / "first.pt").write_bytes(self.saved[0])
        describe(sandbox.case / "first.pt")

    def write(self, rng: random.Random, folder: Path) -> None:
        """Write one file."""
        number = rng.choices((0, 1, 2), (6, 2, 2))[0]
        name = rng.choice(("odd.pt", "odd.pt", "state.pt")) if number < 2 else WEIGHTS_FILE
        tree, way = (self.encoder, self.log_mel, self.autoencoder)[number], rng.random()
        if way < 0.3:
            content = mutated_bytes(self.saved[number], rng, self.saved, head=2000)
        elif way < 0.5:
            content = _with_entries(self.saved[number], rng, self.sandbox.canary)
        elif way < 0.65:
            content = _trapped(tree, rng, self.sandbox.canary)
        elif way < 0.85 and number < 2:
            content = _saved({"cfg": mutated_tree(tree["cfg"], rng), "model": tree["model"]})
        else:
            # A value of deep nesting may be none that can be saved.
            content = self.saved[number][: rng.randrange(2000)]
            with suppress(MemoryError, RecursionError):
                content = _saved(_with_tensors(tree, rng))
        (folder / name).write_bytes(content)

    def names(self, folder: Path) -> tuple[str, ...]:
        """Return the file's name, or that of the folder that a training resumes from."""
        return tuple(path.name for path in folder.iterdir())

    def check(self, rng: random.Random, folder: Path) -> None:
        """Load it; what is accepted computes finite values, which `describe` checks."""
        [path] = folder.iterdir()
        if path.name == WEIGHTS_FILE:
            for kind in ("mse", "mahalanobis"):
                self.calibration.save(folder / f"calibration_{kind}.json")
            MachineAutoencoder.load(folder)
        elif path.name == "state.pt":
            content = path.read_bytes()
            resume = ResumeFolder(folder / "resume", "inputs")
            (resume.folder / "state.pt").write_bytes(content)
            if not isinstance(resume.load(), dict):
                raise Wrong("a state is not a mapping")
        else:
            describe(path).text()


def _saved(value: object, **how: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **how)
    return file.getvalue()


def _with_tensors(tree: dict[str, Any], rng: random.Random) -> Any:
    """Put something else into the place of a tensor, or of all of them."""
    tree = {key: dict(value) if isinstance(value, dict) else value for key, value in tree.items()}
    part = rng.choice([value for value in tree.values() if isinstance(value, dict)])
    for _ in range(rng.choice((1, 1, 2, 5))):
        name = rng.choice(list(part) or ["x"])
        tensor = part.get(name)
        like = tensor if isinstance(tensor, torch.Tensor) else torch.zeros(3)
        change = rng.choice((
            lambda like: like.to(rng.choice((torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.bool))),
            lambda like: like.to(torch.complex64),
            lambda like: torch.full_like(like, rng.choice((float("nan"), float("inf"), 1e38, 1e7, -1e5, 0.0))),
            lambda like: like[..., :0], lambda like: like.reshape(-1), lambda like: like[None],
            lambda like: torch.zeros(1).expand(rng.choice((2, 10**6, 2**40))), lambda like: like.to_sparse(),
            lambda like: torch.zeros(like.shape, device="meta"), lambda like: like.detach().numpy(),
            lambda like: like.tolist(), lambda like: torch.nn.Parameter(like.float()),
            lambda like: torch.zeros(like.shape).as_strided(like.shape, [0] * like.dim()),
            lambda like: odd_value(rng),
        ))  # fmt: skip
        # Not every kind of tensor can be made of every other.
        with suppress(RuntimeError, TypeError, IndexError, MemoryError):
            part[name] = change(like.detach())
        if rng.random() < 0.2:
            part.pop(name, None)
        if rng.random() < 0.2:
            part[rng.choice((*TEXTS, 3, None, 1.5, ("a",)))] = like
    return tree if rng.random() < 0.95 else rng.choice((part, list(tree), odd_value(rng)))


def _with_entries(content: bytes, rng: random.Random, canary: Path) -> bytes:
    """Change what the archive of a checkpoint holds: its pickle, its tensors' bytes, its names."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        entries = [(info.filename, old.read(info)) for info in old.infolist()]
        for _ in range(rng.choice((1, 1, 2))):
            at = rng.randrange(len(entries))
            name, body = entries[at]
            way = rng.randrange(7)
            if way == 0:
                del entries[at]
            elif way == 1:
                entries[at] = name, body[: rng.randrange(len(body) + 1)]
            elif way == 2:
                entries[at] = rng.choice((f"../{name}", name.upper(), "x", name.replace("/", "//"))), body
            elif way == 3:
                entries.append((name, body + b"more"))
            elif way == 4:
                # An empty archive has no pickle.
                pickled = next((i for i, (one, _) in enumerate(entries) if one.endswith("data.pkl")), at)
                entries[pickled] = entries[pickled][0], mutated_bytes(entries[pickled][1], rng, head=200)
            elif way == 5:
                entries.append((f"{name.partition('/')[0]}/constants.pkl", pickle.dumps(Trap(canary), protocol=2)))
            else:
                entries[at] = name, body * rng.choice((2, 50))
            if not entries:
                break
        for name, body in entries:
            new.writestr(zipfile.ZipInfo(name), body, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    return packed.getvalue()


def _trapped(tree: dict[str, Any], rng: random.Random, canary: Path) -> bytes:
    """Hide code in a checkpoint, in each of the forms that PyTorch has written and that it still reads."""
    trap = Trap(canary)
    held: Any = rng.choice((trap, tree | {"cfg": trap}, tree | {"model": {"x": trap}}, [trap], {"a": tree, "b": trap}))
    way = rng.randrange(5)
    if way == 0:
        return _saved(held)
    if way == 1:
        return _saved(held, _use_new_zipfile_serialization=False)
    if way == 2:
        return pickle.dumps(held, protocol=rng.choice((0, 2, 4, 5)))
    if way == 3:
        # Older than all: a tar archive.
        return _tar(pickle.dumps(trap, protocol=2))
    return mutated_bytes(_saved(held), rng, head=600)


def _tar(content: bytes) -> bytes:
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()
