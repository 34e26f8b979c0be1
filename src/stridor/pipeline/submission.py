"""Result files for a submission: every system's scores and decisions of every machine's test clips, labelled or not."""

import re
from collections.abc import Sequence
from pathlib import Path

from stridor.common.atomic import atomic_folder
from stridor.common.errors import StridorError
from stridor.data.manifest import Clip, Manifest
from stridor.evaluation.official import write_official
from stridor.params import Params
from stridor.stages.layout import Layout
from stridor.stages.systems import scorers, systems_of

FOLDER = Path("submission")


def submit(params: Params, name: str, detectors: Sequence[str] = ()) -> list[Path]:
    """Score all test clips of some detectors with every system, and write `submission/<name>_<system>/`.

    Nothing is measured, so test clips whose names hide domain and label are welcome: with those of the evaluation set
    the folders are what the organisers' evaluator (github.com/nttcslab, dcase2025_task2_evaluator) reads. A folder
    appears with all machines in it, in the place of an older one of the same name, or not at all.

    Parameters
    ----------
    params : Params
    name : str
        Letters, digits, dots, dashes and underscores.
    detectors : sequence of str
        Whose machines are scored; all of params.yaml if none is named.

    Returns
    -------
    list of Path
        The folders.

    Raises
    ------
    StridorError
        If the name makes no folder, a detector is unknown, a machine has no test clips, or a stage before was not run.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise StridorError(f"'{name}' is no name for a submission; take letters, digits, dots, dashes and underscores.")
    own = {detector: params.for_detector(detector) for detector in detectors or params.detectors}
    clips = {detector: _test_clips(Layout(detector)) for detector in own}
    folders = []
    for system in systems_of(params):
        with atomic_folder(FOLDER / f"{name}_{system}") as beside:
            for detector, of_detector in own.items():
                found = scorers(system, clips[detector], Layout(detector), of_detector)
                for machine, test in clips[detector].items():
                    scores = found[machine].score(test, of_detector.audio)
                    decisions = found[machine].calibration.decide(scores)
                    write_official(beside, machine, [clip.file_name for clip in test], scores, decisions)
        folders.append(FOLDER / f"{name}_{system}")
    return folders


def _test_clips(layout: Layout) -> dict[str, list[Clip]]:
    manifest = Manifest.read(layout.manifest)
    clips = {machine: manifest.select("test", machine) for machine in manifest.machines}
    if empty := [machine for machine, test in clips.items() if not test]:
        raise StridorError(
            f"The machine '{empty[0]}' has no test clips, and a submission holds all machines; add clips to "
            f"data/{empty[0]}/test, or name the detectors that have some."
        )
    return clips
