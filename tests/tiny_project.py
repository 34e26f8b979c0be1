"""A whole project of one tiny machine, whose stages run in seconds."""

from pathlib import Path

from ruamel.yaml import YAML

from stridor.models.checkpoint import save_encoder
from stridor.params import Params, read_params
from tiny import tiny_encoder, write_pump

VALUES = {
    "seed": 1,
    "detectors": {"pump": {"machines": ["pump"]}},
    "audio": {"channel": "mean"},
    "augment": {"variants": 2},
    "encoder": {"checkpoint": "tiny.pt"},
    "tagger": {"checkpoint": "pretrained/none"},
    "decoder": {"width": 16, "layers": 1, "heads": 2},
    "training": {
        "batch_size": 4, "learning_rate": 0.002, "held_out_clips": 2,
        "stage_one": {"epochs": 2}, "stage_two": {"epochs": 1},
    },
    "embedding": {"layer": -1},
    "bank": {"views": [], "k": 1, "shrinkage": 0.1, "threshold_percentile": 90.0, "false_alarm_rate": 0.1},
    "baselines": [
        "autoencoder_mse", "autoencoder_mahalanobis", "log_mel", "log_mel_mahalanobis", "random", "frozen", "stage_one",
    ],
    "autoencoder": {"epochs": 2, "batch_size": 32},
    "evaluation": {"bootstrap": 100},
    "register": {"system": "configured"},
    "table": {
        "seeds": [1], "full_seeds": [],
        "variants": {"unmixed": {"augment.mix": False, "training.interferer_weight": 0}, "same": {"bank.k": 1}},
    },
    "sweep": {"layers": [0, -1], "pooling": ["mean", "bands"], "k": [1, 2], "domains": ["joint", "separate"]},
}  # fmt: skip
DATA_MD5 = "0123456789abcdef0123456789abcdef.dir"


def write_project(root: Path, kind: str = "noise", tests: int = 2, **changes: dict) -> None:
    """Write clips, parameters, a tiny checkpoint and the file that says which version the clips are."""
    write_pump(root, kind, tests=tests)
    write_params(root, **changes)
    save_encoder(tiny_encoder(), root / "tiny.pt")
    (root / "data.dvc").write_text(f"outs:\n- md5: {DATA_MD5}\n  path: data\n")


def write_params(root: Path, **changes: dict) -> None:
    """Write params.yaml with some sections changed."""
    with open(root / "params.yaml", "w") as file:
        YAML().dump(VALUES | changes, file)


def params_of(detector: str = "pump") -> Params:
    """Return a detector's parameters as a stage reads them."""
    return read_params().for_detector(detector)
