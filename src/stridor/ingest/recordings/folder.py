"""Importing a folder of recordings: check everything, then copy, edit params.yaml and track."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Literal

from stridor.common.dvc import track
from stridor.common.errors import StridorError
from stridor.common.project import check_path
from stridor.common.text import printable
from stridor.data.needs import require_references, smote_note
from stridor.ingest.recordings.checking import CheckedMachine, check_machine
from stridor.ingest.recordings.files import FileCount
from stridor.ingest.recordings.folder_names import FolderNames
from stridor.ingest.recordings.journal import import_lock, undo_killed
from stridor.ingest.recordings.machines import NO_NAMES, MachineFolder, Source, find_machines
from stridor.ingest.recordings.plain import (
    Cutting,
    PlainFolder,
    PlannedMachine,
    machine_report,
    page,
    plan_machine,
    write_clips,
)
from stridor.ingest.recordings.report import ImportReport, MachineReport
from stridor.ingest.recordings.transaction import Fill, copy_machine, transaction
from stridor.params import Params, read_params
from stridor.params.editing import edit_detectors


def import_folder(
    source: Path,
    root: Path,
    *,
    link: bool = False,
    replace: bool = False,
    fresh: bool = False,
    cutting: Cutting | None = None,
    names: FolderNames = NO_NAMES,
) -> ImportReport:
    """Bring a folder of recordings into a project; all of it, or nothing is changed.

    An import that was killed is undone by the next one, before that does anything else.

    Parameters
    ----------
    source : Path
        One folder per machine at any depth, or one machine's folder itself: in the DCASE layout
        `<machine>/{train,test,supplemental}/`, whose clips stay as they are, or plain
        `<machine>/{normal,anomaly,noise,clean}/`, whose recordings are cut into clips. Links inside it are
        imported as what they point at; a link that leads out of it is refused.
    root : Path
        The project: params.yaml, data/ and .dvc/ lie there.
    link : bool
        Hard-link the clips instead of copying them, which saves time and the space of one copy on the way
        in. DVC then puts files of its own (see its cache.type) in the links' place. Nothing that is cut can
        be linked.
    replace : bool
        Machines of the same name that are already in data/ are replaced.
    fresh : bool
        data/ holds only these machines afterwards, and params.yaml only detectors of theirs.
    cutting : Cutting or None
        How plain folders become clips, in the usual way if None.
    names : FolderNames
        What folders of recordings are called beside the usual words, and what is left out.

    Raises
    ------
    StridorError
        If anything in the folder or the project stands in the way.
    """
    source, root = Path(source), Path(root)
    params_file, data = root / "params.yaml", root / "data"
    check_path(root)
    # Elsewhere there is neither room for the lock nor anything to undo.
    read_params(params_file)
    if not (root / ".dvc").is_dir():
        raise StridorError(f"{root} is not a DVC project; run the command in the project's root.")
    with import_lock(root):
        undone = undo_killed(data)
        params = read_params(params_file)
        found = find_machines(source, names)
        machines = tuple(folder.machine for folder in found.machines)
        _check_project(root, source, machines, params, replace=replace, fresh=fresh)
        _check_options(found, link=link, cutting=cutting)
        # As bytes, so that line ends stay as they are.
        edit = edit_detectors(params_file.read_bytes().decode(), machines, fresh)
        checked = _check_all(found.machines, params.audio.channel, cutting or Cutting())
        reports = tuple(
            machine_report(machine) if isinstance(machine, PlannedMachine) else machine.report for machine in checked
        )
        notes = _needs(reports, params)
        files = _count_files(source, found, checked)
        plans = [machine for machine in checked if isinstance(machine, PlannedMachine)]
        texts = {root / "reports" / f"import_{plan.machine}.md": page(plan).encode() for plan in plans}
        if edit.added or edit.removed:
            texts[params_file] = edit.text.encode()
        fills = {machine.machine: _fill(machine, link) for machine in checked}
        with transaction(fills, data, texts=texts, fresh=fresh):
            track(data)
    return ImportReport(
        machines=reports,
        detectors_added=edit.added,
        detectors_removed=edit.removed,
        files=files,
        notes=(*(("an import that was cut off was undone first",) if undone else ()), *found.notes, *notes),
    )


def _needs(reports: tuple[MachineReport, ...], params: Params) -> list[str]:
    """Refuse machines with too few clips for the project's parameters; return what will be left out for them."""
    notes = []
    for report in reports:
        require_references(report.machine, report.clip_kinds, params.bank)
        domains = [clip.domain for clip in report.clip_kinds if clip.split == "train"]
        if note := smote_note(domains, params.bank):
            notes.append(f"{report.machine}: {note}")
    return notes


def _fill(machine: CheckedMachine | PlannedMachine, link: bool) -> Fill:
    if isinstance(machine, PlannedMachine):
        return partial(write_clips, machine)
    return partial(copy_machine, machine, link=link)


def _count_files(source: Path, found: Source, machines: Iterable[CheckedMachine | PlannedMachine]) -> FileCount:
    plans = [machine for machine in machines if isinstance(machine, PlannedMachine)]
    files = FileCount(
        found=found.found,
        taken=sum(machine.clips for machine in machines if isinstance(machine, CheckedMachine)),
        cut=sum(bool(recording.clips) for plan in plans for recording in plan.recordings),
        left_out=(*found.left_out, *(one for machine in machines for one in machine.left_out)),
    )
    if not files.is_complete:
        raise StridorError(
            f"{printable(source)} has changed while it was read ({files.text().splitlines()[0].rstrip('.')}); import "
            "again when nobody is writing to it."
        )
    return files


def _check_options(found: Source, *, link: bool, cutting: Cutting | None) -> None:
    plain = [folder for folder in found.machines if isinstance(folder, PlainFolder)]
    if link and plain:
        raise StridorError(
            f"{plain[0].folder} is a plain folder, whose recordings are cut into new files, so that nothing can be "
            "linked; import without --link."
        )
    if cutting and not plain:
        raise StridorError(
            f"{found.machines[0].folder} is in the DCASE layout, whose clips stay as they are; import without "
            "--clip-seconds, --test-share and --skip-unreadable."
        )


def _check_project(
    root: Path, source: Path, names: tuple[str, ...], params: Params, *, replace: bool, fresh: bool
) -> None:
    data = root / "data"
    _refuse_other_case(names, [path.name for path in data.glob("*")], fresh=fresh)
    if source.resolve().is_relative_to(data.resolve()):
        raise StridorError(f"{source} lies in the project's data/ already; import a folder from elsewhere.")
    if fresh:
        return
    if (root / "data.dvc").exists() and not data.exists():
        raise StridorError(
            f"{data} is not on disk although data.dvc names its content; run 'make data' first to add "
            "machines beside it, or import with --fresh to have these machines only."
        )
    absent = [name for name in params.machines if name not in names and not (data / name).is_dir()]
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


def _refuse_other_case(names: tuple[str, ...], there: list[str], *, fresh: bool) -> None:
    others = {name.casefold(): name for name in ([] if fresh else there)}
    for name in names:
        other = others.get(name.casefold(), name)
        if other != name:
            raise StridorError(
                f"The machine '{name}' differs from '{other}' in data/ only by the case of letters, and where case "
                "does not count they share a folder; rename one of them."
            )


def _check_all(
    folders: tuple[MachineFolder | PlainFolder, ...], channel: int | Literal["mean"], cutting: Cutting
) -> tuple[CheckedMachine | PlannedMachine, ...]:
    checked: list[CheckedMachine | PlannedMachine] = []
    problems: list[tuple[str, str]] = []
    for folder in folders:
        try:
            if isinstance(folder, PlainFolder):
                checked.append(plan_machine(folder, cutting, channel))
            else:
                checked.append(check_machine(folder, channel))
        except StridorError as error:
            problems.append((folder.machine, str(error)))
    if problems:
        others = ", ".join(machine for machine, _ in problems[1:])
        also = f"; machines with problems as well: {others}" if others else ""
        raise StridorError(problems[0][1].rstrip(".") + also + ".")
    return tuple(checked)
