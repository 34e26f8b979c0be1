"""A new version takes the champion's place if it is not worse on the same clips, and otherwise waits."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mlflow_project import config_of, wave, write_detector
from stridor.audio.files import write_clip
from stridor.cli.main import main
from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.serving.detector import Detector
from stridor.serving.kept_scores import KeptScore, as_scored, read_scores, same_clips, scored_again, write_scores
from stridor.serving.registration import register_detector
from stridor.tracking.candidate import SCORES, candidate_of
from stridor.tracking.versions import roll_back
from tiny import tiny_params

CLIPS = 6


@pytest.fixture
def candidates(project):
    """A function that returns a candidate whose detector is as good as `separation` says, and its scores."""
    params = tiny_params()
    clips = []
    for domain in ("source", "target"):
        for label in ("normal", "anomaly"):
            for i in range(CLIPS):
                path = Path(f"data/pump/test/section_00_{domain}_test_{label}_{i:04d}.wav")
                write_clip(path, wave(len(clips), 6000, 1500 if label == "anomaly" else 300))
                clips.append((path, domain, label))

    def make(seed: int, separation: float, some: slice = slice(None)):
        folder = project / str(seed)
        folder.mkdir(exist_ok=True)
        encoder, banks = write_detector(folder, params, seed=seed)
        rng = np.random.default_rng(seed)
        scores = [
            KeptScore(str(path), "pump", file_md5(path), domain, label,
                      float(rng.random() + separation * (label == "anomaly")))
            for path, domain, label in clips[some]
        ]  # fmt: skip
        files = {"encoder": encoder, "banks": banks, SCORES: folder / "scores.json"}
        write_scores(files[SCORES], scores)
        return candidate_of("pump", params, files, config_of("pump", params), {"hmean": 0.5}), scores

    return make


def enter(candidate, scores):
    return register_detector(candidate, scores)


def run(*arguments):
    return CliRunner().invoke(main, arguments)


@pytest.mark.slow
def test_the_champion_moves_by_merit_and_by_hand(candidates):
    first = enter(*candidates(1, 0.5))
    assert (first.version, first.champion) == (1, 1)
    assert first.why == "there was no champion to compare it with"
    better = enter(*candidates(2, 2.0))
    assert (better.version, better.champion) == (2, 2)
    assert better.why.startswith("it is not worse, +")
    worse, scores = candidates(3, -0.8)
    standing = enter(worse, scores)
    assert (standing.version, standing.champion) == (3, 2)
    assert standing.why.startswith("it is worse, -")
    assert f"against version 2 on {4 * CLIPS} test clips" in standing.why
    assert "'stridor promote pump 3'" in standing.text()
    assert enter(*candidates(2, 2.0)).why == "it was the champion already"

    listed = run("models").stdout
    assert [line.split()[:2] for line in listed.splitlines() if line[:1].isdigit()] == [
        ["3", "-"], ["2", "challenger,"], ["1", "-"],
    ]  # fmt: skip
    assert "champion since" in listed
    refused = run("promote", "pump", "3")
    assert refused.exit_code == 2
    assert "is worse than what is served, -" in refused.stderr
    done = run("promote", "pump", "3", "--force", "--why", "to hear it")
    assert done.exit_code == 0, done.stderr
    assert "version 3 is models:/stridor-pump@champion: to hear it, -" in done.stdout
    assert "version 3 was taken back, version 2 is" in run("rollback", "pump").stdout
    # Registered again, it stays where somebody has put it.
    assert enter(worse, scores).why == "it was taken back before"


@pytest.mark.slow
def test_what_cannot_be_compared_waits(candidates):
    candidate, scores = candidates(1, 0.5)
    enter(candidate, scores)
    other, others = candidates(2, 2.0)
    assert "no labelled test clips" in enter(other, []).why
    moved = [KeptScore(f"gone/{one.path}", *list(vars(one).values())[1:3], one.domain, one.label, one.score)
             for one in others[:4] + others[6:]]  # fmt: skip
    assert "did not score the same test clips, which are not here" in enter(other, moved).why
    done = run("promote", "pump")
    assert done.exit_code == 0, done.stderr
    assert "version 2 is models:/stridor-pump@champion: by hand" in done.stdout
    roll_back("pump", "a test")


@pytest.mark.slow
def test_a_champion_whose_files_are_lost_can_be_replaced(candidates, project):
    enter(*candidates(1, 0.5))
    other, _ = candidates(2, 2.0)
    enter(other, [])
    import shutil

    from mlflow import MlflowClient

    source = MlflowClient().get_model_version("stridor-pump", "1").source
    location = MlflowClient().get_logged_model(source.removeprefix("models:/")).artifact_location
    shutil.rmtree(location.removeprefix("file://"))
    done = run("promote", "pump", "2")
    assert done.exit_code == 0, done.stderr
    assert "not compared with version 1 (The files of stridor-pump version 1 are gone" in done.stdout


@pytest.mark.slow
def test_the_champion_scores_clips_that_are_new(candidates):
    candidate, scores = candidates(1, 0.5)
    enter(candidate, scores)
    # Only some of the clips, so that the kept scores do not count.
    other, fewer = candidates(2, 2.0, slice(1, None))
    assert not same_clips(scores, fewer)
    standing = enter(other, fewer)
    champion = Detector.from_files(candidate.files, candidate.config)
    expected = scored_again(champion, fewer)
    for one in expected[:3]:
        assert one.score == pytest.approx(champion.score(one.path).score, abs=1e-6)
    from stridor.evaluation.bootstrap import bootstrap_difference

    gain = 100 * bootstrap_difference(as_scored(expected), as_scored(fewer)).value
    assert f"{gain:+.1f} points" in standing.why


def test_what_does_not_work_is_not_registered(candidates, project):
    candidate, scores = candidates(1, 0.5)
    from dataclasses import replace

    with pytest.raises(StridorError, match=r"nowhere\.pt is missing"):
        enter(replace(candidate, files=candidate.files | {"encoder": project / "nowhere.pt"}), scores)
    with pytest.raises(StridorError, match=r"pump.* is missing"):
        enter(replace(candidate, files=candidate.files | {"banks": project / "nowhere"}), scores)
    (candidate.files["banks"] / "pump" / "calibration.json").write_text("{")
    with pytest.raises(StridorError, match="is not a calibration"):
        enter(candidate, scores)
    assert "No detector is registered yet" in run("models").stderr


def test_scores_come_back_as_they_were(tmp_path):
    scores = [KeptScore("a.wav", "pump", "0" * 32, "source", "normal", 0.1 + 0.2)]
    write_scores(tmp_path / "scores.json", scores)
    assert read_scores(tmp_path / "scores.json") == scores
    (tmp_path / "scores.json").write_text("[{}]")
    with pytest.raises(StridorError, match="holds no scores of test clips"):
        read_scores(tmp_path / "scores.json")
