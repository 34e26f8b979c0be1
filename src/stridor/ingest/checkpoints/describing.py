"""What a checkpoint file holds: its architecture, whether its tensors fit, and whether it is a published file."""

from dataclasses import dataclass
from pathlib import Path

import torch

from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.common.digests import file_digest
from stridor.common.errors import StridorError
from stridor.ingest.checkpoints.fetching import check
from stridor.ingest.checkpoints.published import CHECKPOINTS
from stridor.models.checkpoint import load_encoder


@dataclass(frozen=True)
class Description:
    """A checkpoint that loads.

    Attributes
    ----------
    path : Path
    bytes : int
    sha256 : str
    family : str
        Of the encoder.
    facts : dict of str to str
        Its architecture in words, a line for each name.
    parameters : int
        Of the encoder, with its predictor if it has one.
    published_as : str or None
        Name of the published file that it is, by its digest.
    """

    path: Path
    bytes: int
    sha256: str
    family: str
    facts: dict[str, str]
    parameters: int
    published_as: str | None

    def text(self) -> str:
        """Say it in lines, to print."""
        published = self.published_as or "none of the published files, by its SHA-256"
        rows = {
            "file": f"{self.path} ({self.bytes / 1e6:.1f} MB)",
            "SHA-256": self.sha256,
            "published as": published,
            "family": self.family,
            "parameters": f"{self.parameters / 1e6:.1f} million",
        } | self.facts
        return "\n".join(f"{name + ':':<14}{value}" for name, value in rows.items())


def describe(path: Path) -> Description:
    """Load a checkpoint, tensors only, and describe it.

    Raises
    ------
    StridorError
        If it is missing or not a checkpoint, its tensors do not fit its cfg, or what it computes is not finite.
    """
    encoder = load_encoder(path)
    noise = 0.1 * torch.randn(1, SAMPLE_RATE_HZ, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        if not all(layer.isfinite().all() for layer in encoder(noise).layers):
            raise StridorError(f"{path} turns noise into values that are not finite; get the file again.")
    digest = file_digest(path, "sha256")
    return Description(
        path=path,
        bytes=path.stat().st_size,
        sha256=digest,
        family=encoder.family,
        facts=encoder.facts(),
        parameters=sum(parameter.numel() for parameter in encoder.parameters()),
        published_as=next((one.name for one in CHECKPOINTS.values() if one.sha256 == digest), None),
    )


def verify(path: Path) -> Description:
    """Check a checkpoint: its tensors, and, where its name is that of a published file, its size and digest.

    Raises
    ------
    StridorError
        If anything is not as it should be.
    """
    if path.stem in CHECKPOINTS and path.is_file():
        check(path, CHECKPOINTS[path.stem])
    return describe(path)
