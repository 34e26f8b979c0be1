"""Tasks on a Ray cluster of one node: values, failures, and clusters that cannot be used."""

from pathlib import Path

import numpy as np
import pytest

from services import free_port, need
from stridor.audio.files import read_clip, write_clip
from stridor.common.errors import StridorError
from stridor.params.sections import ComputeParams
from stridor.pipeline.cluster import Resources, cluster, run_tasks


def test_threads_are_said_before_ray_reserves_them():
    assert Resources.of(ComputeParams(threads=2)) == Resources(2, 0)
    assert Resources.of(ComputeParams(threads=1, accelerator="cuda", devices=2)) == Resources(1, 2)
    with pytest.raises(StridorError, match=r"compute\.threads is auto.*set it to a number"):
        Resources.of(ComputeParams())


@pytest.mark.slow
def test_a_task_that_fails_leaves_the_others_alone(tmp_path):
    need("ray")
    from ray.cluster_utils import Cluster

    good, bad = tmp_path / "good.wav", tmp_path / "bad.wav"
    write_clip(good, 0.1 * np.ones(100))
    ended = {}
    one_node = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        with cluster(one_node.address, Resources(1)):
            arguments: dict[str, tuple[Path]] = {"bad": (bad,), "good": (good,)}
            failed = run_tasks(read_clip, arguments, Resources(1), ended.__setitem__)
        with pytest.raises(StridorError, match=r"No node .* has 64 cores and 0 GPUs.*add a larger node"):
            cluster(one_node.address, Resources(64)).__enter__()
    finally:
        one_node.shutdown()
    assert ended.keys() == {"good"}
    assert np.allclose(ended["good"], 0.1, atol=1e-4)
    assert failed == {"bad": f"{bad} is missing; give the path of an audio file."}


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_an_error():
    need("ray")
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(StridorError, match=rf"The Ray cluster {address} cannot be used \(.*ray start"):
        cluster(address, Resources(1)).__enter__()
