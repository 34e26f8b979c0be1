"""Importing a folder in the DCASE layout: check everything, then place, edit params.yaml and track."""

from pathlib import Path
from typing import Literal

from stridor.data.importing.checking import CheckedMachine, check_machine
from stridor.data.importing.detectors import edit_detectors
from stridor.data.importing.layout import MachineFolder, find_machines
from stridor.data.importing.placing import placed, restored_on_failure, track
from stridor.data.importing.report import ImportReport
from stridor.errors import StridorError
from stridor.params import Params, read_params
from stridor.whole import whole_file


def import_folder(
    source: Path, root: Path, *, link: bool = False, replace: bool = False, fresh: bool = False
) -> ImportReport:
    """Bring a folder of recordings into a project; all of it, or nothing is changed.

    Parameters
    ----------
    source : Path
        `<source>/<machine>/{train,test,supplemental}/`, or one machine's folder itself. Links inside it are
        imported as what they point at; a link that leads out of it is refused.
    root : Path
        The project: params.yaml, data/ and .dvc/ lie there.
    link : bool
        Hard-link the clips instead of copying them, which saves time and the space of one copy on the way
        in. DVC then puts files of its own (see its cache.type) in the links' place.
    replace : bool
        Machines of the same name that are already in data/ are replaced.
    fresh : bool
        data/ holds only these machines afterwards, and params.yaml only detectors of theirs.

    Raises
    ------
    StridorError
        If anything in the folder or the project stands in the way.
    """
    source, root = Path(source), Path(root)
    params_file, data = root / "params.yaml", root / "data"
    params = read_params(params_file)
    found = find_machines(source)
    names = tuple(folder.machine for folder in found.machines)
    _check_project(root, source, names, params, replace=replace, fresh=fresh)
    # As bytes, so that line ends stay as they are.
    edit = edit_detectors(params_file.read_bytes().decode(), names, fresh)
    machines = _check_all(found.machines, params.audio.channel)
    with restored_on_failure(params_file, root / "data.dvc"), placed(machines, data, link=link, fresh=fresh):
        if edit.added or edit.removed:
            with whole_file(params_file) as beside:
                beside.write_bytes(edit.text.encode())
        track(data)
    return ImportReport(
        machines=tuple(machine.report for machine in machines),
        detectors_added=edit.added,
        detectors_removed=edit.removed,
        notes=found.notes,
    )


def _check_project(
    root: Path, source: Path, names: tuple[str, ...], params: Params, *, replace: bool, fresh: bool
) -> None:
    data = root / "data"
    if not (root / ".dvc").is_dir():
        raise StridorError(f"{root} is no DVC project; run the command in the project's root.")
    if source.resolve().is_relative_to(data.resolve()):
        raise StridorError(f"{source} lies in the project's data/ already; import a folder from elsewhere.")
    if fresh:
        return
    if (root / "data.dvc").exists() and not data.exists():
        raise StridorError(
            f"{data} is not on disk although data.dvc names its content; run 'make data' first to add "
            "machines beside it, or import with --fresh to have these machines only."
        )
    wanted = [machine for detector in params.detectors.values() for machine in detector.machines]
    absent = [name for name in wanted if name not in names and not (data / name).is_dir()]
    if absent:
        raise StridorError(
            f"{data / absent[0]} is not on disk although params.yaml names it; run 'make data' first to add "
            "machines beside it, or import with --fresh to have these machines only."
        )
    there = [name for name in names if (data / name).exists()]
    if there and not replace:
        raise StridorError(
            f"{data / there[0]} is there already; import with --replace to put the new clips in its place, "
            "or rename the folder."
        )


def _check_all(folders: tuple[MachineFolder, ...], channel: int | Literal["mean"]) -> tuple[CheckedMachine, ...]:
    checked, problems = [], []
    for folder in folders:
        try:
            checked.append(check_machine(folder, channel))
        except StridorError as error:
            problems.append((folder.machine, str(error)))
    if problems:
        others = ", ".join(machine for machine, _ in problems[1:])
        also = f"; machines with problems as well: {others}" if others else ""
        raise StridorError(problems[0][1].rstrip(".") + also + ".")
    return tuple(checked)
