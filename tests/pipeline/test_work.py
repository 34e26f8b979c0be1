"""The plan counts what the stages do."""

from pathlib import Path

import pytest

from stridor.data.augment import augment
from stridor.data.manifest import build_manifest
from stridor.pipeline.work import work_of
from stridor.training.loader import EpochLoader
from stridor.training.triples import training_set
from tiny import tiny_params, write_pump


@pytest.mark.parametrize("kind", ["noise", "clean"])
@pytest.mark.parametrize("batch_size", [3, 4])
def test_as_many_examples_and_steps_as_the_training_takes(tmp_path, monkeypatch, kind, batch_size):
    monkeypatch.chdir(tmp_path)
    write_pump(tmp_path, kind)
    augmented = {"variants": 2, "interferers": ["noise", "machines"]}
    params = tiny_params(training={"batch_size": batch_size}, augment=augmented)
    manifest = build_manifest(Path("data"), ("pump",))
    work = work_of(manifest, params)
    pairs = augment(manifest.select("supplemental"), params, Path("augmented"))
    data = training_set(manifest, pairs, params)
    steps = len(EpochLoader(data, params).of_epoch(1))
    assert work.examples == len(data.examples)
    assert work.steps_one == work.steps_two == 2 * steps
    assert (work.normals, work.supplements, work.embedded) == (12, 3, 12 + work.tests)
    written = sum(file.stat().st_size for file in Path("augmented").rglob("*.wav"))
    assert work.augmented_bytes == pytest.approx(written, rel=0.02)
