"""`python -m stridor.pipeline.run_cache STAGE...`: push what `dvc repro` of another clone needs to skip some stages.

These are the stages' entries of the run cache and all of their outputs. `dvc push --run-cache` of DVC 3.67 leaves out
the outputs that git keeps (`cache: false`), without which a stage runs again, and sends every entry there is.
"""

import sys
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from stridor.common.errors import StridorError
from stridor.common.stage_process import stage_process

if TYPE_CHECKING:
    from dvc.repo import Repo


def push_stages(names: Sequence[str]) -> None:
    """Push the entries and outputs of stages that were run in the working directory.

    Raises
    ------
    StridorError
        If a stage was not run with its present inputs, or the remote does not take everything.
    """
    from dvc.fs import generic
    from dvc.repo import Repo

    with Repo(_wait_for_lock=True) as repo:
        with repo.lock:
            entries = [_entry(repo, name) for name in names]
        objects = {one for found in repo.stage_cache.get_used_objs(entries).values() for one in found}
        if failed := repo.cloud.push(objects).failed:
            raise StridorError(f"The DVC remote did not take {len(failed)} files; fix this and run the command again.")
        # Last, so that an entry in the remote has its outputs there.
        cache = repo.cache.legacy
        remote = repo.cloud.get_remote_odb(None, "push", hash_name="md5-dos2unix")
        for key, value in entries:
            place = ("runs", key[:2], key, value)
            generic.copy(cache.fs, cache.fs.join(cache.path, *place), remote.fs, remote.fs.join(remote.path, *place))


def _entry(repo: "Repo", name: str) -> tuple[str, str]:
    """Return the key and the value of a stage's entry, by which DVC files it."""
    from dvc.stage.cache import _get_cache_hash, _get_stage_hash
    from dvc.stage.serialize import to_single_stage_lockfile

    [stage] = repo.stage.collect(name)
    if not all(out.exists for out in stage.outs):
        raise StridorError(f"The outputs of '{name}' are missing; run 'dvc repro {name}' again.")
    # DVC does not do so by itself where an output is one of those that git keeps, and neither metrics nor a plot.
    repo.stage_cache.save(stage)
    key, value = _get_stage_hash(stage), _get_cache_hash(to_single_stage_lockfile(stage))
    if not Path(PurePath(repo.stage_cache.cache_dir, key[:2], key, value)).is_file():
        raise StridorError(f"DVC has not kept the run of '{name}'; run 'dvc repro {name}' again.")
    return key, value


if __name__ == "__main__":
    with stage_process():
        push_stages(sys.argv[1:])
