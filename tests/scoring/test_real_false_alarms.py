"""Promised and measured false alarms on real machines, by the mean spectrum of their clips."""

from dataclasses import replace
from pathlib import Path

import pytest

from kit import kit
from stridor.data.manifest import Clip, build_manifest
from stridor.data.names import DOMAINS
from stridor.evaluation.false_alarms import FalseAlarms
from stridor.params.scoring_sections import BankParams
from stridor.params.sections import AudioParams
from stridor.scoring.embedding import LogMelEmbedder
from stridor.scoring.reference import MachineReference

# The promise is one for the conditions of training. Most test clips of the two induction motors run at speeds that
# training never heard, and several come from one recording: 10 % is not kept there, but the served rate is.
MACHINES = [("real", "bldc", (0.1, 0.02)), ("real", "fan", (0.1, 0.02)), ("real2", "imotor1", (0.02,)),
            ("real2", "imotor2", (0.02,))]  # fmt: skip


def clips_of(base: Path, machine: str) -> tuple[list[Clip], list[Clip]]:
    manifest = build_manifest(base, (machine,), base)
    train, test = (
        [replace(clip, path=str(base / clip.path)) for clip in manifest.select(split)] for split in ("train", "test")
    )
    return train, [clip for clip in test if clip.label == "normal"]


@pytest.mark.parametrize(("base", "machine", "rates"), MACHINES)
def test_the_measured_rate_of_each_domain_is_compatible_with_the_promised(base, machine, rates):
    train, normal = clips_of(kit(base), machine)
    embedder = LogMelEmbedder()
    reference = MachineReference.fit(embedder.embed_clips(train, AudioParams()), train, BankParams())
    embeddings = embedder.embed_clips(normal, AudioParams())
    for domain in DOMAINS:
        for rate in rates:
            for condition in (None, domain, "any"):
                flagged = reference.judge(embeddings, rate, condition).flagged
                of_domain = [flag for clip, flag in zip(normal, flagged, strict=True) if clip.domain == domain]
                assert len(of_domain) > 3
                low, _ = FalseAlarms(sum(of_domain), len(of_domain)).interval(0.99)
                assert low <= rate, (domain, rate, condition, of_domain)
