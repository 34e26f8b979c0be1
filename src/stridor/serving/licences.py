"""Under which licence the encoders come that are known by their digest."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from stridor.common.digests import file_digest
from stridor.params.sections import NO_CHECKPOINT, EncoderParams

_BEATS = "MIT (microsoft/unilm, BEATs)"
# By SHA-256.
KNOWN = {
    "d6b474e3c53b6af9c4a577c2787761412c07d2699790154c35951544c461e797":
        "MIT, as stridor; what it learnt from is in pretrained/README.md",
    "d43cbfad4d7b56381c061d7a24774f908d4d94c72961f6eb1d9090ff18cd8d34": _BEATS,
    "8d1b234032a9ccff353612dc6c20982346dc2968b205b79d97303eb5e77bfb34": _BEATS,
    "7f9362028ac6e5c049e8dc314d87e90e4f82a15a8e472deb56af55d7f9b34d6a": _BEATS,
    "e5815275a04b6885e7b8af63d120b29bffae2cd2225cf4915e1ec6d819d3022c": _BEATS,
    "899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c":
        "MIT, Copyright (c) 2022 Florian Schmid (github.com/fschmid56/EfficientAT)",
}  # fmt: skip
NONE_NEEDED = "no weights, no licence"


def licence_of(checkpoint: Path) -> str:
    """Return the licence of a checkpoint file in a few words."""
    unknown = "not known to stridor, ask where the file came from"
    return KNOWN.get(file_digest(checkpoint, "sha256"), unknown)


def origin_of(encoder: EncoderParams) -> dict[str, str]:
    """Return where the weights that training starts from come from, and their licence, for a model card."""
    if encoder.checkpoint == NO_CHECKPOINT:
        return {"encoder": f"{encoder.preset}, without a checkpoint", "licence": NONE_NEEDED}
    return origin_of_file(Path(encoder.checkpoint))


def origin_of_file(checkpoint: Path) -> dict[str, str]:
    """Return the name of a checkpoint and its licence, for a model card."""
    return {"encoder": checkpoint.name, "licence": licence_of(checkpoint)}


def both(origins: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the origins of several encoders as one; of none, that there is none."""
    different = list({one["encoder"]: one for one in origins}.values())
    if not different:
        return {"encoder": "none", "licence": NONE_NEEDED}
    licences = dict.fromkeys(one["licence"] for one in different)
    return {"encoder": " and ".join(one["encoder"] for one in different), "licence": "; ".join(licences)}
