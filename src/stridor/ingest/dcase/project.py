"""From records to a project's data/: list, download, look, unpack, import; called again, it ends in the same state."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from stridor.common.dvc import data_md5, is_tracked
from stridor.common.errors import StridorError
from stridor.common.http import USUAL, StoppableRetry
from stridor.ingest.dcase.archive import unpack
from stridor.ingest.dcase.contents import Contents, gather
from stridor.ingest.dcase.downloading import choose, fetch_all, listing
from stridor.ingest.dcase.pins import NAME, Pins
from stridor.ingest.dcase.record import ZENODO
from stridor.ingest.dcase.truth import read_truth
from stridor.ingest.dcase.years import Wanted, wanted_archives
from stridor.ingest.ready import DEMO_MD5
from stridor.ingest.recordings import ImportReport, import_folder
from stridor.ingest.recordings.journal import heal
from stridor.params import read_params

_PROBE = "dcase-probe"

LICENCE = "The recordings are published under CC BY-NC-SA 4.0: name the authors, no commercial use."


@dataclass(frozen=True)
class Request:
    """What to bring into a project, and from where.

    Attributes
    ----------
    machines : tuple of str
        All machines of the sets if empty.
    downloads : Path
        Where archives are kept, relative to the project.
    ground_truth : Path or None
        The organisers' evaluator; test clips of the evaluation set get names that say domain and label.
    site : str
        A server with the addresses of zenodo.org.
    parallel : int
        How many files are fetched side by side; Zenodo slows down those who ask for many.
    """

    year: int = 2025
    sets: tuple[str, ...] = ("dev",)
    machines: tuple[str, ...] = ()
    downloads: Path = Path("downloads")
    ground_truth: Path | None = None
    site: str = ZENODO
    parallel: int = 3
    replace: bool = False
    fresh: bool = False
    retry: StoppableRetry = USUAL


def list_files(request: Request, root: Path) -> str:
    """Return the files of a request with their sizes; nothing is changed."""
    wanted = wanted_archives(request.year, request.sets, request.machines)
    pins = Pins(root / NAME)
    return listing(choose(wanted, root / request.downloads, pins, request.site, request.retry))


def download_and_import(request: Request, root: Path, print_line: Callable[[str], object] = print) -> str:
    """Download what a request names and import it; return what was done.

    The demo data is removed, as it can be synthesised again; other machines stay.

    Parameters
    ----------
    root : Path
        The project: params.yaml, data/ and .dvc/ lie there.
    print_line : callable
        Prints the list of files before they are downloaded.

    Raises
    ------
    StridorError
        If files cannot be had or are not what was published, or anything in the project stands in the way.
    """
    read_params(root / "params.yaml")
    if not (root / ".dvc").is_dir():
        raise StridorError(f"{root.resolve()} is not a DVC project; run the command in the project's root.")
    wanted = wanted_archives(request.year, request.sets, request.machines)
    truths = _read_truths(request, wanted)
    folder = root / request.downloads
    with _lock(folder):
        heal(root)
        _remove_leftovers(folder, root)
        pins = Pins(root / NAME)
        downloads = choose(wanted, folder, pins, request.site, request.retry)
        print_line(f"{listing(downloads)}\n{LICENCE}")
        fetch_all(downloads, pins, request.site, parallel=request.parallel, retry=request.retry)
        machines = gather(downloads, truths)
        fresh = request.fresh or _holds_demo(root, machines)
        todo = _what_is_missing(machines, root, fresh=fresh)
        if not todo:
            return f"All of it is in {root / 'data'} already: {', '.join(one.machine for one in machines)}."
        replace = request.replace or fresh or _may_replace(todo, root / "data")
        report = _import(todo, folder, root, replace=replace, fresh=fresh)
    return f"{report.text()}\nCommit {NAME} with data.dvc and params.yaml; the archives stay in {request.downloads}/."


def _read_truths(request: Request, wanted: tuple[Wanted, ...]) -> dict[str, dict[str, str]]:
    if request.ground_truth is None:
        return {}
    hidden = [one.machine for one in wanted if one.stem.endswith("_test")]
    if not hidden:
        raise StridorError("Only the evaluation set hides labels; leave --ground-truth out or ask for --set eval.")
    return {machine: read_truth(request.ground_truth, machine) for machine in hidden}


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise StridorError(f"Another download into {folder.resolve()} is running; wait until it has ended.") from None


def _remove_leftovers(folder: Path, root: Path) -> None:
    """Remove what a call that was killed has left; parts of archives stay, as the next call goes on with them."""
    for left in folder.glob("unpacked.unfinished-*"):
        shutil.rmtree(left, ignore_errors=True)
    for name in (_PROBE, Path(NAME).stem, "params"):
        for left in root.glob(f".{name}.unfinished-*"):
            left.unlink()


def _holds_demo(root: Path, machines: tuple[Contents, ...]) -> bool:
    """Tell whether data/ is the demo's, or was so when a call that was killed put these machines there."""
    data = root / "data"
    if not data.with_name("data.dvc").exists() or data_md5(data) != DEMO_MD5:
        return False
    if not data.is_dir() or not any(data.iterdir()) or is_tracked(data):
        return True
    own = {one.machine: one for one in machines}
    return all(path.name in own and own[path.name].is_in(path) for path in data.iterdir())


def _what_is_missing(machines: tuple[Contents, ...], root: Path, *, fresh: bool) -> tuple[Contents, ...]:
    """Return the machines to be imported: none, if all are in place, named by a detector and tracked."""
    data = root / "data"
    named = set(read_params(root / "params.yaml").machines)
    missing = tuple(one for one in machines if one.machine not in named or not one.is_in(data / one.machine))
    # What a killed import has left is put in order by the next import.
    killed = any(root.glob(".data.unfinished-*"))
    wanted = {one.machine for one in machines}
    there = {path.name for path in data.glob("[!.]*")}
    if (fresh and (missing or (named | there) - wanted)) or killed or not (missing or is_tracked(data)):
        return machines
    return missing


def _may_replace(machines: tuple[Contents, ...], data: Path) -> bool:
    """Tell whether machines in data/ give way to what has all their clips; refuse if one has clips of its own."""
    there = [one for one in machines if (data / one.machine).exists()]
    for one in there:
        folder = data / one.machine
        if not one.covers(folder):
            hint = "" if one.full_names else " (clips that were named by a ground truth need --ground-truth again)"
            raise StridorError(
                f"{folder} holds other clips than the archives{hint}; pass --replace to put the published ones in "
                "their place, or rename the machine that is there."
            )
    return bool(there)


def _import(machines: tuple[Contents, ...], downloads: Path, root: Path, *, replace: bool, fresh: bool) -> ImportReport:
    _check_space(machines, downloads)
    staging = downloads / Path(tempfile.mkdtemp(prefix="unpacked.unfinished-", dir=downloads)).name
    try:
        total = sum(len(one.files) for one in machines)
        with tqdm(total=total, desc="unpacking", unit="clip", leave=False, disable=None) as bar:
            for one in machines:
                folder = staging / one.machine
                folder.mkdir()
                for _ in unpack(one.files, folder):
                    bar.update()
        return import_folder(staging, root, link=_can_link(staging, root), replace=replace, fresh=fresh)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _can_link(staging: Path, root: Path) -> bool:
    """Tell whether data/ can share the unpacked bytes; other disks and some file systems cannot."""
    probe, link = staging / f".{_PROBE}", root / f".{_PROBE}.unfinished-{staging.name[-8:]}"
    probe.touch()
    try:
        os.link(probe, link)
    except OSError:
        return False
    finally:
        link.unlink(missing_ok=True)
        probe.unlink()
    return True


def _check_space(machines: tuple[Contents, ...], downloads: Path) -> None:
    needed, free = sum(one.bytes for one in machines), shutil.disk_usage(downloads).free
    if needed > free:
        raise StridorError(
            f"{downloads} has {free / 1e9:.1f} GB left and the archives unpack to {needed / 1e9:.1f} GB, which DVC's "
            "cache takes once more; make room and run the command again, the archives are kept."
        )
