"""The promise of a detector, that few normal clips of each domain are flagged, on synthetic and real machines."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kit import kit
from stridor.common.seeds import rng_for
from stridor.data.manifest import build_manifest
from stridor.data.names import DOMAINS
from stridor.ingest.demo import MACHINES
from stridor.models.checkpoint import load_encoder
from stridor.params import read_params
from stridor.params.scoring_sections import views_of
from stridor.scoring.conformal import NormalScores
from stridor.scoring.reference import MachineReference
from stridor.scoring.views import detector_embedder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# Six rates are looked at, of three collections in two domains: one of them is above this limit by chance in one of
# twenty plants where the promise holds.
SIGNIFICANT = 0.05 / 6
PLANTS = 1000


@pytest.fixture(scope="module")
def params():
    return read_params(ROOT / "profiles" / "demo.yaml")


@pytest.fixture(scope="module")
def embedded(params):
    """A function that embeds the normal clips of a machine: those of the training and those of the test."""
    encoder = load_encoder(ROOT / params.encoder.checkpoint)
    embedder = detector_embedder(views_of(params.embedding, params.bank), {"frozen": encoder, "fine_tuned": encoder})

    def embed(folder, machine):
        manifest = build_manifest(folder, (machine,), folder.parent)
        parts = []
        for split in ("train", "test"):
            clips = [clip for clip in manifest.select(split, machine) if clip.label != "anomaly"]
            found = [replace(clip, path=str(folder.parent / clip.path)) for clip in clips]
            parts.append((clips, embedder.embed_clips(found, params.audio)))
        return embedder.widths, parts

    return embed


def alarms(widths, train, test, params):
    """Return by domain how many of the clips of a test are flagged, their number, and that of the clips learnt from."""
    (clips, embeddings), (tested, queries) = train, test
    flagged = MachineReference.fit(embeddings, clips, params.bank, widths).judge(queries).flagged
    return {
        domain: (
            sum(flag for flag, clip in zip(flagged.tolist(), tested, strict=True) if clip.domain == domain),
            sum(clip.domain == domain for clip in tested),
            sum(clip.domain == domain for clip in clips),
        )
        for domain in DOMAINS
    }


def chance_of(machines, rate):
    """Return how often plants that keep the promise have as many alarms.

    The clips of a test are judged by the same few normal clips, so that alarms come together: they are not binomial.
    Here scores are log-normal, and each machine's are judged by as many others as there were.

    Parameters
    ----------
    machines : list of (int, int, int)
        Alarms, clips of the test and clips learnt from.
    """
    rng, total = np.random.default_rng(0), sum(flagged for flagged, _, _ in machines)
    counts = np.zeros(PLANTS, dtype=int)
    for _, tested, learnt in machines:
        for plant in range(PLANTS):
            limit = NormalScores(np.exp(rng.standard_normal(learnt))).threshold(rate)
            counts[plant] += np.count_nonzero(np.exp(rng.standard_normal(tested)) > limit)
    return float(np.mean(counts >= total))


def check_promise(found, params):
    for domain in DOMAINS:
        machines = [one[domain] for one in found]
        assert chance_of(machines, params.bank.false_alarm_rate) > SIGNIFICANT, (domain, machines)


def test_the_promise_holds_on_the_demo(whole_demo, embedded, params):
    found = []
    for machine in MACHINES:
        widths, (train, test) = embedded(whole_demo, machine)
        found.append(alarms(widths, train, test, params))
    check_promise(found, params)


def test_the_promise_holds_on_real_machines(embedded, params):
    found = []
    for machine in ("fan", "bldc"):
        widths, (train, test) = embedded(kit("real"), machine)
        found.append(alarms(widths, train, test, params))
    check_promise(found, params)


def test_the_promise_holds_for_speeds_that_were_heard_and_not_for_others(embedded, params):
    heard, unheard = [], []
    for machine in ("imotor1", "imotor2"):
        widths, (train, test) = embedded(kit("real2"), machine)
        unheard.append(alarms(widths, train, test, params))
        clips, embeddings = [*train[0], *test[0]], np.concatenate([train[1], test[1]])
        # As many are learnt from as before, of either domain, but of all speeds.
        order = rng_for(0, "speeds", machine).permutation(len(clips)).tolist()
        learnt = []
        for domain in DOMAINS:
            count = sum(clip.domain == domain for clip in train[0])
            learnt += [i for i in order if clips[i].domain == domain][:count]
        tested = [i for i in order if i not in learnt]
        parts = [([clips[i] for i in some], embeddings[some]) for some in (learnt, tested)]
        heard.append(alarms(widths, *parts, params))
    check_promise(heard, params)
    # A sound of a speed that was never heard is odd, rightly; docs/plant_engineer.md says to record them all.
    assert chance_of([one["source"] for one in unheard], params.bank.false_alarm_rate) < SIGNIFICANT
