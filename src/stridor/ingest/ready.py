"""data/ on a fresh clone: the demo clips are synthesised, anything else comes from the DVC remote."""

import sys
from pathlib import Path

from tqdm import tqdm

from stridor.common.atomic import atomic_folder
from stridor.common.dvc import data_md5, pull, track
from stridor.common.errors import StridorError
from stridor.ingest.demo import generate
from stridor.ingest.recordings.journal import heal, import_lock
from stridor.params import read_params

# What `dvc add` calls the demo data. A changed synthesiser changes it, and a test says so.
DEMO_MD5 = "06d959cc62d84806e3a54226cbe666fe.dir"


def make_ready(root: Path) -> str:
    """Put the clips that data.dvc names into data/, if there is no data/; return what was done.

    Raises
    ------
    StridorError
        If the clips are neither the demo's nor to be had from a remote, or data/ holds other machines than params.yaml
        names.
    """
    data = root / "data"
    heal(root)
    if data.is_dir() and any(data.iterdir()):
        _check_machines(root, data)
        return f"{data} is there."
    if data_md5(data) == DEMO_MD5:
        return make_demo(root)
    pull(
        data,
        advice="name a DVC remote that holds these recordings with 'dvc remote add -d', import them again with "
        "'stridor data import' or 'stridor data dcase', or go back to the demo with 'stridor data demo'",
    )
    return f"{data} was pulled from the DVC remote."


def _check_machines(root: Path, data: Path) -> None:
    """Refuse a data/ without a machine of params.yaml, as Git leaves it where it changes params.yaml and data.dvc."""
    path = root / "params.yaml"
    if not path.is_file():
        return
    if absent := [machine for machine in read_params(path).machines if not (data / machine).is_dir()]:
        raise StridorError(
            f"{data} lacks {', '.join(absent)}, which params.yaml names; if data.dvc is of another commit than data/, "
            "'dvc checkout data.dvc' puts its clips there, else import them with 'stridor data import', or go back to "
            "the demo with 'stridor data demo --force'."
        )


def make_demo(root: Path, force: bool = False) -> str:
    """Synthesise the demo data into data/ and track it; return what was done.

    Parameters
    ----------
    root : Path
        The project.
    force : bool
        Replace what lies in data/.

    Raises
    ------
    StridorError
        If data/ holds something and `force` is not given, or another process is filling it.
    """
    data = root / "data"
    if data.is_dir() and any(data.iterdir()) and not force:
        raise StridorError(f"{data} holds recordings already; move them away, or pass --force to replace them.")
    if not (root / ".dvc").is_dir():
        raise StridorError(f"{root.resolve()} is not a DVC project; run the command in the project's root.")
    # Two at once would take each other's folder, and DVC's lock.
    with import_lock(root):
        with atomic_folder(data) as folder, tqdm(desc="synthesising", unit="clip", disable=None) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            generate(folder, progress=show)
        track(data)
    if data_md5(data) != DEMO_MD5:
        print(
            "stridor: this machine's arithmetic gives demo clips that differ in single samples from the published "
            "ones; results may differ a little.", file=sys.stderr,
        )  # fmt: skip
    return f"The demo data is in {data}."
