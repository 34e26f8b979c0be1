"""The baseline of one machine: both scores against a direct computation, on disk and back."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stridor.audio.files import write_clip
from stridor.baselines.features import read_frames, stacks
from stridor.baselines.machine import WEIGHTS_FILE, AutoencoderScorer, MachineAutoencoder, reconstruction_errors
from stridor.common.errors import StridorError
from stridor.data.manifest import build_manifest
from stridor.params.sections import AudioParams
from stridor.scoring.threshold import calibrate
from tiny import tiny_params, write_pump

PARAMS = tiny_params(autoencoder={"epochs": 2, "batch_size": 16}, bank={"threshold_percentile": 80})


@pytest.fixture(scope="module")
def pump(tmp_path_factory):
    """The pump's manifest, with paths that hold from anywhere."""
    root = tmp_path_factory.mktemp("pump")
    write_pump(root)
    manifest = build_manifest(root / "data", ("pump",), root)
    clips = tuple(replace(clip, path=str(root / clip.path)) for clip in manifest.clips)
    return replace(manifest, clips=clips)


@pytest.fixture(scope="module")
def fitted(pump):
    return MachineAutoencoder.fit("pump", pump.select("train"), PARAMS)


def errors_of(network, clips):
    """Error of every frame of every stack, clip by clip, the plain way."""
    found = []
    for _, frames in read_frames(clips, AudioParams()):
        with torch.no_grad():
            of_clip = [network(stack[None])[0] - stack for stack in stacks(frames)]
        found.append(torch.stack(of_clip).reshape(-1, 128).double().numpy())
    return found


def test_mse_is_the_mean_over_all_values_of_a_clip(fitted, pump):
    clips = pump.select("test")
    found = fitted.score(clips, PARAMS.audio)["mse"]
    expected = [(errors**2).mean() for errors in errors_of(fitted.network, clips)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_mahalanobis_is_the_smaller_distance_of_the_mean_error(fitted, pump):
    train, test = pump.select("train"), pump.select("test")
    errors = errors_of(fitted.network, train)
    precisions = []
    for domain in ("source", "target"):
        rows = np.concatenate([of_clip for clip, of_clip in zip(train, errors, strict=True) if clip.domain == domain])
        covariance = np.cov(rows, rowvar=False)
        np.testing.assert_allclose(fitted.covariances[domain], covariance, atol=1e-3 * covariance.max())
        ridge = 1e-6 * np.trace(fitted.covariances[domain]) / 128
        precisions.append(np.linalg.inv(fitted.covariances[domain] + ridge * np.eye(128)))
    means = [of_clip.mean(axis=0) for of_clip in errors_of(fitted.network, test)]
    expected = [min(mean @ precision @ mean for precision in precisions) for mean in means]
    np.testing.assert_allclose(fitted.score(test, PARAMS.audio)["mahalanobis"], expected, rtol=1e-3)


def test_it_is_the_mean_of_all_products_of_two_errors_as_the_organisers_write_it(fitted, pump):
    clip = pump.select("test")[:1]
    [errors] = errors_of(fitted.network, clip)
    ridged = [cov + 1e-6 * np.trace(cov) / 128 * np.eye(128) for cov in fitted.covariances.values()]
    every_pair = [(errors @ np.linalg.inv(covariance) @ errors.T).mean() for covariance in ridged]
    np.testing.assert_allclose(fitted.score(clip, PARAMS.audio)["mahalanobis"], [min(every_pair)], rtol=1e-3)


def test_thresholds_follow_the_rule_for_the_scores_of_the_training_clips(fitted, pump):
    scores = fitted.score(pump.select("train"), PARAMS.audio)
    for kind, calibration in fitted.calibrations.items():
        assert calibration.threshold == pytest.approx(calibrate(scores[kind], 80).threshold, rel=1e-4)
        scorer = AutoencoderScorer(fitted, kind)
        assert scorer.calibration is calibration
        np.testing.assert_array_equal(scorer.score(pump.select("train"), PARAMS.audio), scores[kind])


def test_a_clip_scores_the_same_alone_and_among_others(fitted, pump):
    clips = pump.select("test")
    together = fitted.score(clips, PARAMS.audio)
    for i, clip in enumerate(clips):
        for kind, alone in fitted.score([clip], PARAMS.audio).items():
            assert alone[0] == pytest.approx(together[kind][i], rel=1e-4)


def test_nothing_gives_nothing(fitted):
    assert {kind: scores.shape for kind, scores in fitted.score([], PARAMS.audio).items()} == {
        "mse": (0,), "mahalanobis": (0,)
    }  # fmt: skip


def test_on_disk_and_back(fitted, pump, tmp_path):
    fitted.save(tmp_path / "pump")
    again = MachineAutoencoder.load(tmp_path / "pump")
    assert again.calibrations == fitted.calibrations
    for kind, scores in fitted.score(pump.select("test"), PARAMS.audio).items():
        np.testing.assert_array_equal(again.score(pump.select("test"), PARAMS.audio)[kind], scores)


def test_the_same_training_writes_the_same_bytes(fitted, pump, tmp_path):
    fitted.save(tmp_path / "one")
    MachineAutoencoder.fit("pump", pump.select("train"), PARAMS).save(tmp_path / "two")
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


@pytest.mark.parametrize(
    ("breakage", "message"),
    [
        (lambda path: path.unlink(), r"autoencoder\.pt is missing; run the autoencoder stage"),
        (lambda path: path.write_text("text"), r"autoencoder\.pt is not an autoencoder"),
        (lambda path: path.write_bytes(b""), r"autoencoder\.pt is not an autoencoder"),
        (lambda path: torch.save({"network": {}}, path), r"autoencoder\.pt is not an autoencoder"),
        (lambda path: torch.save([1, 2], path), r"autoencoder\.pt is not an autoencoder"),
        (lambda path: (path.parent / "calibration_mse.json").unlink(), r"calibration_mse\.json is missing"),
    ],
)
def test_missing_or_damaged_files_are_an_error(fitted, tmp_path, breakage, message):
    fitted.save(tmp_path / "pump")
    breakage(tmp_path / "pump" / WEIGHTS_FILE)
    with pytest.raises(StridorError, match=message) as refused:
        MachineAutoencoder.load(tmp_path / "pump")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("domains", [{"source"}, {"target"}, {None}])
def test_a_domain_without_clips_gets_the_covariance_of_the_other(pump, domains):
    clips = pump.select("train")
    if domains == {None}:
        clips = [replace(clip, domain=None) for clip in clips]
    clips = [clip for clip in clips if clip.domain in domains]
    fitted = MachineAutoencoder.fit("pump", clips, PARAMS)
    np.testing.assert_array_equal(fitted.covariances["source"], fitted.covariances["target"])
    assert np.isfinite(fitted.score(pump.select("test"), PARAMS.audio)["mahalanobis"]).all()


def test_two_short_clips_of_silence_are_enough(pump, tmp_path):
    clips = []
    for i, clip in enumerate(pump.select("train")[:2]):
        write_clip(tmp_path / f"{i}.wav", np.zeros(2_800))
        clips.append(replace(clip, path=str(tmp_path / f"{i}.wav")))
    fitted = MachineAutoencoder.fit("pump", clips, PARAMS)
    for scores in fitted.score(pump.select("test"), PARAMS.audio).values():
        assert np.isfinite(scores).all()


def test_errors_are_reconstruction_minus_input(fitted, pump):
    [(_, frames)] = read_frames(pump.select("test")[:1], AudioParams())
    [expected] = errors_of(fitted.network, pump.select("test")[:1])
    np.testing.assert_allclose(reconstruction_errors(fitted.network, frames), expected, atol=1e-3)


@pytest.mark.parametrize("part", ["network", "covariances"])
def test_complex_values_are_refused_and_not_cut_to_their_real_part(fitted, tmp_path, part):
    fitted.save(tmp_path / "one")
    saved = torch.load(tmp_path / "one" / WEIGHTS_FILE, weights_only=True)
    name = next(iter(saved[part]))
    saved[part][name] = saved[part][name].to(torch.complex64)
    torch.save(saved, tmp_path / "one" / WEIGHTS_FILE)
    with pytest.raises(
        StridorError, match=r"is not an autoencoder \(complex values\); run the autoencoder stage again"
    ):
        MachineAutoencoder.load(tmp_path / "one")
