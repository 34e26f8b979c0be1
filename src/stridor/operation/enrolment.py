"""A new machine in minutes: a detector from normal recordings, without training and without test clips."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from stridor.common.errors import StridorError
from stridor.ingest.recordings.plain import Cutting
from stridor.operation.basis import basis_of
from stridor.operation.expectation import Expectation, expectation
from stridor.operation.normals import cutting_as, normal_clips
from stridor.params.names import RULE, is_plain_name
from stridor.serving.card import model_card
from stridor.serving.detector import Detector
from stridor.serving.registration import register_detector
from stridor.serving.standing import Standing
from stridor.tracking.candidate import Candidate
from stridor.tracking.describe import code_tags
from stridor.tracking.versions import SYSTEM_TAG


def enrol(
    machine: str,
    normal: Sequence[Path],
    detector: str | None = None,
    checkpoint: Path | None = None,
    clip_seconds: float | None = None,
    skip_unreadable: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Standing, Expectation]:
    """Register a detector of a machine, called as the machine.

    Parameters
    ----------
    machine : str
    normal : sequence of Path
        Folders and files of normal running; a folder called target within them holds the second condition.
    detector, checkpoint
        Whose encoder and way to score are used, as for `basis_of`.
    clip_seconds : float, optional
        Length of the clips that recordings are cut into; by default that of the detector, or 10 s.
    skip_unreadable : bool
        Leave out recordings that cannot be used.
    say : callable
        Called with each line on what is worth a look.

    Raises
    ------
    StridorError
        If the name is none, a recording cannot be used, there are too few, or the store fails.
    """
    if not is_plain_name(machine):
        raise StridorError(f"--machine is '{machine}', which is not a name of a machine; {RULE}.")
    with basis_of(detector, checkpoint) as basis, TemporaryDirectory(prefix="stridor-") as folder:
        if clip_seconds is None:
            cutting = cutting_as(basis.clip_seconds, skip_unreadable)
        else:
            cutting = Cutting(clip_seconds, test_share=0, skip_unreadable=skip_unreadable)
        clips = normal_clips(normal, machine, basis.embedder, basis.audio, cutting)
        for warning in clips.warnings:
            say(warning)
        reference = basis.fit(clips)
        banks = Path(folder) / "banks"
        reference.save(banks / machine)
        files, config = {**basis.files, "banks": banks}, basis.config_for(machine)
        why = f"enrolled without training, with {basis.name}"
        card = model_card(Detector.from_files(files, config), config, why, {})
        tags = {"machines": machine, SYSTEM_TAG: str(config.get("system", "")), "enrolled_with": basis.name}
        candidate = Candidate(machine, files, config, card, tags=code_tags() | tags)
        standing = register_detector(candidate)
        return standing, expectation(machine, reference, clips.recordings)
