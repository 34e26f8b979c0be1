"""Stage `register`: choose a system, put it into the model registry, and have it compared with what is served."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from stridor.common.digests import file_md5
from stridor.common.dvc import data_md5
from stridor.common.errors import StridorError
from stridor.data.manifest import Manifest
from stridor.evaluation.measures import ScoredClips
from stridor.params import Params
from stridor.scoring.bank_files import EMBEDDINGS_FILE
from stridor.serving.card import model_card
from stridor.serving.detector import Detector
from stridor.serving.kept_scores import KeptScore, write_scores
from stridor.serving.registration import register_detector
from stridor.stages.layout import DATA, Layout, run_for_detector, write_json
from stridor.stages.merit import ahead_of, choose
from stridor.stages.served import config_of, files_of
from stridor.stages.systems import AUTOENCODERS, NAMES, System, systems_of
from stridor.stages.written_scores import scored_clips
from stridor.tracking.candidate import SCORES, candidate_of
from stridor.tracking.describe import code_tags
from stridor.tracking.runs import find_training_run
from stridor.tracking.versions import COMMIT_TAG, DATA_TAG, SYSTEM_TAG


def run(layout: Layout, params: Params) -> None:
    """Register the system that params.yaml or merit says; write `registered.json`.

    Raises
    ------
    StridorError
        If the detector has not been trained and indexed.
    """
    detector = layout.detector
    scored = _scored(layout, params)
    choice = choose(params, scored)
    system = choice.system
    metrics = json.loads(layout.metrics.read_text()).get(system, {}) if layout.metrics.exists() else {}
    scores = _kept(scored.get(system, ()), layout)
    config = config_of(system, params)
    known = {DATA_TAG: _data_md5(), "commit": code_tags().get(COMMIT_TAG, "")}
    with TemporaryDirectory() as folder:
        files = files_of(system, layout, params, Path(folder))
        card = model_card(Detector.from_files(files, config), config, choice.why, metrics, len(scores), known)
        if scores:
            files[SCORES] = Path(folder) / "scores.json"
            write_scores(files[SCORES], scores)
        candidate = candidate_of(
            detector, params, files, config, metrics, _run_of(system, layout), card,
            {SYSTEM_TAG: system, DATA_TAG: known[DATA_TAG]},
        )  # fmt: skip
        standing = register_detector(candidate, scores, params.evaluation, params.seed)
    print(f"{detector}: {NAMES[system]}, {choice.why}")
    print(standing.text())
    if params.register.system != "best" and (better := ahead_of(system, scored, params)):
        print(f"{detector}: ahead of it on the same test clips: {'; '.join(better)}. See register.system.")
    # Without run id and version number, and without what the store decides: equal inputs must give an equal file.
    write_json(layout.registered, {
        "model": f"stridor-{detector}",
        "system": system,
        "machines": list(params.detectors[detector].machines),
        "encoder_md5": file_md5(layout.encoder) if layout.encoder.exists() else None,
        "banks_md5": {
            machine: file_md5(layout.banks / system / machine / EMBEDDINGS_FILE)
            for machine in params.detectors[detector].machines
            if system not in AUTOENCODERS
        },
        "hmean": metrics.get("hmean"),
    })  # fmt: skip


def _scored(layout: Layout, params: Params) -> dict[System, list[ScoredClips]]:
    """Read the scores of the test clips by all systems; empty where the detector was not evaluated."""
    if not layout.scores.exists():
        return {}
    machines = params.detectors[layout.detector].machines
    there = [system for system in systems_of(params) if (layout.scores / system).exists()]
    return {system: scored_clips(layout, system, machines) for system in there}


def _kept(scored: list[ScoredClips] | tuple[()], layout: Layout) -> list[KeptScore]:
    if not scored:
        return []
    clips = {(clip.machine, clip.file_name): clip for clip in Manifest.read(layout.manifest).select("test")}
    kept = []
    for of_machine in scored:
        rows = zip(of_machine.file_names, of_machine.domains, of_machine.labels, of_machine.scores, strict=True)
        for name, domain, label, score in rows:
            clip = clips.get((of_machine.machine, name))
            if clip is None or domain is None or label is None:
                raise StridorError(
                    f"{layout.scores} holds a score of {name}, which is not among the test clips of "
                    f"{layout.manifest}; run 'dvc repro evaluate@{layout.detector}'."
                )
            kept.append(KeptScore(clip.path, clip.machine, clip.md5, domain, label, float(score)))
    return kept


def _run_of(system: System, layout: Layout) -> str | None:
    """Return the training's run, for a system whose weights it made or started from."""
    if system in AUTOENCODERS or not layout.encoder.exists():
        return None
    return find_training_run(file_md5(layout.encoder))


def _data_md5() -> str:
    try:
        return data_md5(DATA)
    except StridorError:
        # A machine that was never put under DVC can be registered all the same.
        return ""


if __name__ == "__main__":
    run_for_detector(run)
