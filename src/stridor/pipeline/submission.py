"""Result files for a submission: scores and decisions of every system for all test clips, labelled or not."""

import re
from collections.abc import Sequence
from pathlib import Path

from stridor.common.atomic import atomic_folder
from stridor.common.errors import StridorError
from stridor.data.manifest import Clip, Manifest
from stridor.evaluation.official import write_official
from stridor.params import Params
from stridor.stages.layout import Layout
from stridor.stages.scorers import scorers
from stridor.stages.systems import systems_of

FOLDER = Path("submission")


def submit(params: Params, name: str, detectors: Sequence[str] = ()) -> list[Path]:
    """Score all test clips of some detectors with every system, and write `submission/<name>_<system>/`.

    No measures are computed, so the names of test clips need not contain domain and label. With the clips of the
    evaluation set, the folders are the input of the organisers' evaluator (github.com/nttcslab,
    dcase2025_task2_evaluator). A folder is written with all machines or not at all; an older one of the same name is
    replaced.

    Parameters
    ----------
    params : Params
    name : str
        Letters, digits, dots, dashes and underscores.
    detectors : sequence of str
        Detectors whose machines are scored; all of params.yaml if none is given.

    Returns
    -------
    list of Path
        The folders.

    Raises
    ------
    StridorError
        If the name is not a valid folder name, a detector is unknown, a machine has no test clips, or an earlier stage
        was not run.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise StridorError(
            f"'{name}' is not a valid name of a submission; use letters, digits, dots, dashes and underscores."
        )
    detector_params = {detector: params.for_detector(detector) for detector in params.named_detectors(detectors)}
    clips = {detector: _test_clips(Layout(detector)) for detector in detector_params}
    folders = []
    for system in systems_of(params):
        with atomic_folder(FOLDER / f"{name}_{system}") as temporary:
            for detector, own in detector_params.items():
                found = scorers(system, clips[detector], Layout(detector), own)
                for machine, test in clips[detector].items():
                    scores = found[machine].score(test, own.audio)
                    decisions = found[machine].calibration.decide(scores)
                    write_official(temporary, machine, [clip.file_name for clip in test], scores, decisions)
        folders.append(FOLDER / f"{name}_{system}")
    return folders


def _test_clips(layout: Layout) -> dict[str, list[Clip]]:
    manifest = Manifest.read(layout.manifest)
    clips = {machine: manifest.select("test", machine) for machine in manifest.machines}
    if empty := [machine for machine, test in clips.items() if not test]:
        raise StridorError(
            f"The machine '{empty[0]}' has no test clips, and a submission contains all machines; add clips to "
            f"data/{empty[0]}/test, or name only detectors with test clips."
        )
    return clips
