"""Parsing of the clip names of the DCASE Task 2 data sets."""

import re
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal, cast, get_args

from stridor.common.errors import StridorError
from stridor.common.text import printable

Domain = Literal["source", "target"]
Split = Literal["train", "test", "supplemental"]
Label = Literal["normal", "anomaly"]
Kind = Literal["noise", "clean"]
DOMAINS: tuple[Domain, ...] = get_args(Domain)
LABELS: tuple[Label, ...] = get_args(Label)

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".w64", ".rf64", ".caf", ".au")

_LABELLED = re.compile(
    r"section_(?P<section>\d{1,9})_(?P<domain>source|target)_(?P<split>train|test)"
    r"_(?P<label>normal|anomaly)_(?P<number>\d{1,9})(?:_(?P<attributes>.*))?"
)
# Of DCASE 2021 with the domain.
_UNLABELLED = re.compile(r"section_(?P<section>\d{1,9})(?:_(?P<domain>source|target)_test)?_(?P<number>\d{1,9})")
_SUPPLEMENTAL = re.compile(r"section_(?P<section>\d{1,9})_(?P<tokens>[A-Za-z0-9_-]*?)_?(?P<number>\d{1,9})_?")
# Of file systems; matching takes a time that grows with the square of the length.
_LONGEST_NAME = 255


@dataclass(frozen=True)
class ClipName:
    """The fields of a clip's file name; those that the name does not contain are None.

    Attributes
    ----------
    section : str
        Two digits, "00" throughout DCASE 2025.
    kind : "noise", "clean" or None
        Content of a supplemental clip: the surroundings with the machine off, or the machine alone.
    attributes : dict of str to str
        Pairs such as {"vel": "730"}; never used for training.
    """

    split: Split
    section: str
    number: int
    domain: Domain | None = None
    label: Label | None = None
    kind: Kind | None = None
    attributes: dict[str, str] = field(default_factory=dict, hash=False)


def parse_clip_name(file_name: str, split: Split) -> ClipName:
    """Read a clip's name.

    Parameters
    ----------
    file_name : str
        With or without folders; any audio extension.
    split : "train", "test" or "supplemental"
        The folder that contains the clip. Names of train and test clips contain it as well and must agree.

    Raises
    ------
    StridorError
        If the name does not match a pattern of its folder.
    """
    stem = PurePath(file_name).stem
    file_name = printable(file_name)
    if len(stem) > _LONGEST_NAME:
        raise StridorError(f"The name {file_name[:40]}... is longer than {_LONGEST_NAME} characters; rename it.")
    if split == "supplemental":
        return _parse_supplemental(stem, file_name)
    if match := _LABELLED.fullmatch(stem):
        if match["split"] != split:
            raise StridorError(
                f"{file_name} is in the folder {split}/ but its name says {match['split']}; move it or rename it."
            )
        if split == "train" and match["label"] != "normal":
            raise StridorError(
                f"{file_name} is an anomaly in train/; a detector learns from normal clips only, move it to test/."
            )
        return ClipName(
            split=split,
            section=match["section"],
            number=int(match["number"]),
            # The pattern lets no others through.
            domain=cast(Domain, match["domain"]),
            label=cast(Label, match["label"]),
            attributes=_parse_attributes(match["attributes"] or ""),
        )
    if split == "test" and (match := _UNLABELLED.fullmatch(stem)):
        return ClipName(
            split="test",
            section=match["section"],
            number=int(match["number"]),
            domain=cast(Domain | None, match["domain"]),
        )
    raise StridorError(
        f"The name {file_name} does not parse; in {split}/ expected "
        f"section_00_<source|target>_{split}_<normal|anomaly>_<number>_<attributes or noAttribute>.wav."
    )


def _parse_supplemental(stem: str, file_name: str) -> ClipName:
    match = _SUPPLEMENTAL.fullmatch(stem)
    tokens = match["tokens"].split("_") if match else []
    # The tokens decide, not a list of machines: the organisers have changed the kinds between years.
    kinds: dict[str, Kind] = {"noise": "noise", "machine": "clean"}
    found = {kinds[token] for token in tokens if token in kinds}
    if not match or len(found) != 1:
        raise StridorError(
            f"The name {file_name} does not parse; in supplemental/ expected a name with the token 'noise' "
            "or 'machine', such as section_00_noise_supplemental_normal_0000.wav or "
            "section_00_source_supplemental_machine_0000.wav."
        )
    return ClipName(split="supplemental", section=match["section"], number=int(match["number"]), kind=found.pop())


def _parse_attributes(text: str) -> dict[str, str]:
    """Split `car_C2_spd_34V` into pairs; `noAttribute` and an empty text give none."""
    if text in ("", "noAttribute"):
        return {}
    tokens = text.split("_")
    return dict(zip(tokens[::2], [*tokens[1::2], ""], strict=False))
