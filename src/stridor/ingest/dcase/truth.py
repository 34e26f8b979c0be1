"""The organisers' ground truth of an evaluation set, whose clips are published without domain and label."""

import csv
import re
from pathlib import Path

from stridor.common.errors import StridorError
from stridor.data.names import parse_clip_name

_DOMAINS = {"0": "source", "1": "target"}
_LABELS = {"0": "normal", "1": "anomaly"}
_HIDDEN = re.compile(r"section_(\d{1,9})_(\d{1,9})\.wav")


def read_truth(folder: Path, machine: str) -> dict[str, str]:
    """Return the full name of every test clip of a machine by the name that hides domain and label.

    Parameters
    ----------
    folder : Path
        The organisers' evaluator (github.com/nttcslab/dcase<year>_task2_evaluator), with
        `ground_truth_attributes/`, whose tables give names, or `ground_truth_data/` and `ground_truth_domain/`,
        whose tables give 1 for an anomaly and 1 for the target domain. A machine's tables are called
        `ground_truth_<machine>_section_<number>_test.csv` and have two columns without a header.

    Raises
    ------
    StridorError
        If there is not a ground truth of the machine, or it is not as described.
    """
    if not folder.is_dir():
        raise StridorError(
            f"{folder} is not a folder; expected the organisers' evaluator, with ground_truth_attributes/."
        )
    named = _read(folder / "ground_truth_attributes", machine)
    if named:
        full = {hidden: name if name.endswith(".wav") else f"{name}.wav" for hidden, name in named.items()}
    else:
        labels, domains = (_read(folder / f"ground_truth_{what}", machine) for what in ("data", "domain"))
        if not labels or labels.keys() != domains.keys():
            raise StridorError(
                f"{folder} holds no ground truth of {machine}; expected ground_truth_attributes/ground_truth_{machine}"
                "_section_00_test.csv, or the same table in both ground_truth_data/ and ground_truth_domain/."
            )
        full = {hidden: _name(hidden, domains[hidden], labels[hidden], folder) for hidden in labels}
    for hidden, name in full.items():
        _check(hidden, name, folder, machine)
    if len(set(full.values())) < len(full):
        raise StridorError(f"The ground truth of {machine} in {folder} gives two clips the same name; fetch it again.")
    return full


def _read(folder: Path, machine: str) -> dict[str, str]:
    rows: dict[str, str] = {}
    for path in sorted(folder.glob(f"ground_truth_{machine}_section_*_test.csv")):
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                for hidden, said in filter(None, csv.reader(file)):
                    if rows.setdefault(hidden.strip(), said.strip()) != said.strip():
                        raise ValueError(f"it names {hidden} twice")
        except (ValueError, csv.Error) as error:
            raise StridorError(
                f"{path} is not a ground truth ({error}); expected two columns without a header."
            ) from None
    return rows


def _name(hidden: str, domain: str, label: str, folder: Path) -> str:
    match = _HIDDEN.fullmatch(hidden)
    if not match or domain not in _DOMAINS or label not in _LABELS:
        raise StridorError(
            f"The ground truth in {folder} says '{domain}' and '{label}' of {hidden}; expected 0 or 1 of a clip named "
            "section_00_<number>.wav."
        )
    return f"section_{match[1]}_{_DOMAINS[domain]}_test_{_LABELS[label]}_{match[2]}_noAttribute.wav"


def _check(hidden: str, name: str, folder: Path, machine: str) -> None:
    try:
        whole = name.isprintable() and not {"/", "\\", ":"} & set(name)
        parsed = parse_clip_name(name, "test") if whole else None
    except StridorError:
        parsed = None
    if parsed is None or parsed.label is None:
        raise StridorError(
            f"The ground truth of {machine} in {folder} calls {hidden} {name!r}; expected "
            "section_00_<source|target>_test_<normal|anomaly>_<number>_<attributes or noAttribute>."
        )
