"""Changes of a registered detector's bank: confirmed normals go in, wrong ones come out, nothing is trained."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from stridor.common.errors import StridorError
from stridor.common.project import code_md5
from stridor.data.names import Domain
from stridor.evaluation.bootstrap import bootstrap_intervals
from stridor.evaluation.measures import measure, total_score
from stridor.operation.normals import NormalClips, cutting_as, normal_clips
from stridor.scoring.conformal import LARGEST_SHARE_OF_COPIES
from stridor.scoring.reference import MachineReference
from stridor.serving.card import model_card
from stridor.serving.detector import Detector
from stridor.serving.kept_scores import KeptScore, are_here, as_scored, read_scores, scored_again, write_scores
from stridor.serving.part_names import is_of
from stridor.serving.registration import register_detector
from stridor.serving.standing import Standing
from stridor.tracking.candidate import PACKAGE, SCORES, Candidate
from stridor.tracking.describe import code_tags
from stridor.tracking.model_files import download_model, read_model
from stridor.tracking.versions import CHALLENGER, CHAMPION, SYSTEM_TAG, version_with

Say = Callable[[str], None]


@dataclass(frozen=True)
class BankedClip:
    """A clip of a bank.

    Attributes
    ----------
    score : float
        Leave-one-out.
    p_value : float
        Share of the normal clips of its condition that sound as odd.
    """

    name: str
    domain: Domain
    score: float
    p_value: float


@dataclass(frozen=True)
class _Open:
    """A registered detector whose bank is to be changed."""

    name: str
    version: int
    machine: str
    detector: Detector
    reference: MachineReference
    artifacts: dict[str, Path]
    config: dict[str, Any]


def list_bank(name: str, machine: str | None = None) -> list[BankedClip]:
    """Return the clips of the champion's bank, the oddest first.

    Raises
    ------
    StridorError
        If there is no such detector, it has no bank, or names several machines and none is given.
    """
    with _opened(name, machine) as now:
        bank, calibration = now.reference.bank, now.reference.calibration
        scores = bank.leave_one_out_scores()
        known = [one if calibration.knows(one) else None for one in bank.domains_]
        found = [
            BankedClip(clip, domain, float(score), float(calibration.p_value(score, condition)))
            for clip, domain, score, condition in zip(bank.file_names_, bank.domains_, scores, known, strict=True)
        ]
    return sorted(found, key=lambda one: (one.p_value, -one.score, one.name))


def add_to_bank(
    name: str, paths: Sequence[Path], machine: str | None = None, domain: Domain | None = None,
    skip_unreadable: bool = False, say: Say = lambda line: None,
) -> Standing:  # fmt: skip
    """Register a version of a detector whose bank also holds some recordings of normal running.

    Everything that clips decide is fitted anew, as if the bank had been made of all of them.

    Parameters
    ----------
    name : str
        Of a registered detector; its champion is changed.
    paths : sequence of Path
        Files and folders, cut as the import does into clips of the detector's length.
    machine : str, optional
        Needed where the detector listens to several.
    domain : "source" or "target", optional
        As for `normal_clips`.
    say : callable
        Called with each line on what is worth a look.

    Raises
    ------
    StridorError
        If a recording cannot be used, the bank holds all of them, or holds other clips of these names.
    """
    with _opened(name, machine) as now:
        detector, bank = now.detector, now.reference.bank
        cutting = cutting_as(detector.window_seconds(now.machine), skip_unreadable)
        clips = normal_clips(paths, now.machine, detector.embedder, detector.audio, cutting, domain, fewest=1)
        for warning in clips.warnings:
            say(warning)
        new = _without_known(clips, now.reference, say)
        flagged = int(now.reference.judge(clips.embeddings[new]).flagged.sum())
        say(f"{len(new)} clips are added; the bank without them flags {flagged}")
        names, domains = [clips.names[i] for i in new], [clips.domains[i] for i in new]
        changed = now.reference.refitted(
            np.concatenate([bank.embeddings_, clips.embeddings[new]]),
            (*bank.domains_, *domains), (*bank.file_names_, *names),
        )  # fmt: skip
        return _registered(now, changed, f"{len(new)} clips added to version {now.version}, {names[0]} first")


def remove_from_bank(
    name: str, clips: Sequence[str], machine: str | None = None, say: Say = lambda line: None
) -> Standing:
    """Register a version of a detector whose bank lacks some clips.

    Parameters
    ----------
    clips : sequence of str
        Names as `list_bank` gives them, or of recordings, for all clips of each.

    Raises
    ------
    StridorError
        If the bank holds no such clip, or too few remain.
    """
    with _opened(name, machine) as now:
        bank = now.reference.bank
        gone: set[int] = set()
        for clip in clips:
            own = {i for i, one in enumerate(bank.file_names_) if is_of(one, clip)}
            if not own:
                close = difflib.get_close_matches(clip, bank.file_names_, n=1, cutoff=0.3)
                hint = f"; {close[0]} sounds similar" if close else ""
                raise StridorError(
                    f"The bank of {now.machine} holds no clip '{clip}'{hint}. 'stridor bank list --detector {name}' "
                    "lists them."
                )
            gone |= own
        kept = [i for i in range(len(bank.file_names_)) if i not in gone]
        say(f"{len(gone)} clips are taken out, {len(kept)} remain")
        names, domains = [bank.file_names_[i] for i in kept], [bank.domains_[i] for i in kept]
        changed = now.reference.refitted(bank.embeddings_[kept], domains, names)
        return _registered(now, changed, f"{len(gone)} clips taken out of version {now.version}, {clips[0]} first")


def _without_known(clips: NormalClips, reference: MachineReference, say: Say) -> list[int]:
    bank = reference.bank
    typical = float(np.median(bank.leave_one_out_scores())) or 1.0
    nearest = bank.neighbours(clips.embeddings, 1)
    new = []
    for i, (name, [near]) in enumerate(zip(clips.names, nearest, strict=True)):
        if bank.score_samples(clips.embeddings[i : i + 1])[0] <= LARGEST_SHARE_OF_COPIES * typical:
            say(f"left out: {name}, which the bank holds already as {near.file_name}")
        elif name in bank.file_names_:
            raise StridorError(
                f"The bank holds another clip called {name}; rename the file, so that the two can be told apart."
            )
        else:
            new.append(i)
    if not new:
        raise StridorError(f"The bank holds all {len(clips)} clips already; nothing was changed.")
    return new


@contextmanager
def _opened(name: str, machine: str | None) -> Iterator[_Open]:
    champion = version_with(name, CHAMPION)
    with TemporaryDirectory(prefix="stridor-") as folder:
        artifacts, config = read_model(download_model(name, Path(folder)))
        detector = Detector.from_files(artifacts, config)
        known = detector.known_machine(machine, "The command")
        reference = detector.references[known]
        if not isinstance(reference, MachineReference):
            raise StridorError(
                f"The detector '{name}' is an autoencoder, which has no bank; train it again with 'dvc repro'."
            )
        yield _Open(name, champion.number if champion else 0, known, detector, reference, artifacts, config)


def _registered(now: _Open, changed: MachineReference, why: str) -> Standing:
    with TemporaryDirectory(prefix="stridor-") as temporary:
        folder = Path(temporary)
        for machine, reference in (now.detector.references | {now.machine: changed}).items():
            assert isinstance(reference, MachineReference)
            reference.save(folder / "banks" / machine)
        config = {**now.config, "code": code_md5(PACKAGE)}
        files = {one: path for one, path in now.artifacts.items() if one != SCORES} | {"banks": folder / "banks"}
        detector = Detector.from_files(files, config)
        scores = _scores(now, detector)
        if scores:
            files[SCORES] = folder / "scores.json"
            write_scores(files[SCORES], scores)
        measures = _measures(scores)
        system = str(config.get("system", ""))
        card = model_card(detector, config, f"{why}; no encoder was trained", measures, len(scores))
        tags = {"machines": ", ".join(detector.machines), SYSTEM_TAG: system, "changed_bank": why}
        return register_detector(Candidate(now.name, files, config, card, measures, tags=code_tags() | tags), scores)


def _scores(now: _Open, detector: Detector) -> list[KeptScore]:
    """Score the test clips that the champion keeps scores of, if they are here, to compare the two."""
    kept = read_scores(now.artifacts[SCORES]) if SCORES in now.artifacts else []
    return scored_again(detector, kept) if kept and are_here(kept) else []


def _measures(scores: Sequence[KeptScore]) -> dict[str, float]:
    if not scores:
        return {}
    scored = as_scored(scores)
    total = bootstrap_intervals(scored).total
    return {"hmean": total_score(map(measure, scored)), "hmean_low": total.low, "hmean_high": total.high}


def waiting_challenger(name: str) -> int | None:
    """Return the version that waits as challenger, which a change of the champion's bank knows nothing of."""
    challenger = version_with(name, CHALLENGER)
    return None if challenger is None or CHAMPION in challenger.aliases else challenger.number
