"""The scripts that made the pretrained encoder: the teacher against its reference, the synthesiser, the folds."""

import io
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from kit import kit
from stridor.common.errors import StridorError
from stridor.common.seeds import rng_for
from stridor.ingest.demo import DEMO_SEED
from stridor.models.beats import random_beats
from stridor.models.checkpoint import save_encoder
from stridor.models.config import PRESETS

RECIPE = Path(__file__).resolve().parents[2] / "pretrained" / "recipe"


@pytest.fixture(autouse=True)
def _recipe_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(RECIPE)
    yield
    for name in ("mn04", "machines", "packages", "pretrain", "evaluate"):
        sys.modules.pop(name, None)


@pytest.fixture
def reference():
    with np.load(kit("teachers") / "mn04" / "mn04_reference.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture
def teacher():
    from mn04 import load_mn04

    return load_mn04(kit("teachers") / "mn04" / "mn04_as_mAP_432.pt")


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@torch.no_grad()
def test_mn04_equals_its_reference(teacher, reference):
    wave = reference["wav16k"][None]
    answer = teacher(wave)
    close(answer.pooled[0], reference["embedding"])
    close(answer.map[0].permute(2, 1, 0), reference["fmap"])
    close(teacher.logits(answer.pooled)[0], reference["logits"])
    close(answer.tags[0], reference["logits"].sigmoid())


def test_missing_weights_are_named(tmp_path):
    from mn04 import load_mn04

    with pytest.raises(StridorError, match=r"nowhere\.pt is missing; give the path of mn04_as_mAP_432\.pt"):
        load_mn04(tmp_path / "nowhere.pt")
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    with pytest.raises(StridorError, match=r"list\.pt is not the teacher mn04"):
        load_mn04(tmp_path / "list.pt")


def test_every_synthetic_clip_is_another_and_can_be_drawn_again():
    from machines import draw_clip

    clips = [draw_clip(rng_for(7, "recipe", number), 1.0) for number in range(12)]
    assert all(clip.shape == (16000,) and clip.dtype == np.int16 and clip.std() > 20 for clip in clips)
    assert len({clip.tobytes() for clip in clips}) == 12
    assert np.array_equal(clips[3], draw_clip(rng_for(7, "recipe", 3), 1.0))


def test_the_demos_seed_is_refused(tmp_path):
    from machines import write_clips

    with pytest.raises(StridorError, match="is the demo's"):
        write_clips(tmp_path, 1, DEMO_SEED, 1)


def test_the_fold_for_judging_is_kept_out(tmp_path):
    from pretrain import esc10_files

    (tmp_path / "meta.csv").write_text("file,class,fold\nrain/a.flac,rain,1\nrain/b.flac,rain,5\n")
    assert esc10_files(tmp_path) == [tmp_path / "rain" / "a.flac"]
    with pytest.raises(StridorError, match=r"meta\.csv is missing"):
        esc10_files(tmp_path / "nowhere")


def test_the_number_of_steps_is_measured_once(tmp_path):
    from pretrain import steps_within

    (tmp_path / "kept").write_text("1234")
    assert steps_within(1.0, tmp_path / "kept", None, None, None) == 1234


def archive(sounds: dict[str, np.ndarray | bytes]) -> io.BytesIO:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as members:
        for name, sound in sounds.items():
            content = io.BytesIO(sound if isinstance(sound, bytes) else b"")
            if isinstance(sound, np.ndarray):
                soundfile.write(content, sound, 16000, format="WAV")
            member = tarfile.TarInfo(name)
            member.size = len(content.getvalue())
            content.seek(0)
            members.addfile(member, content)
    packed.seek(0)
    return packed


def test_sounds_of_a_package_without_music_speech_silence_and_broken_files():
    from packages import sounds_in

    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16000 * 31)
    found = list(sounds_in(archive({
        "./usr/share/game/sounds/saw.wav": noise[:16000], "./usr/share/game/Music/theme.wav": noise,
        "./usr/share/game/voices/hello.wav": noise, "./usr/share/game/sounds/click.wav": noise[:1000],
        "./usr/share/game/sounds/quiet.wav": 1e-5 * noise, "./usr/share/game/sounds/broken.wav": b"RIFF",
        "./usr/share/game/sounds/wind.wav": noise, "./usr/share/game/picture.png": b"PNG",
    })))  # fmt: skip
    assert [len(wave) for wave in found] == [16000, 16000 * 30]
    np.testing.assert_allclose(found[0], noise[:16000], atol=1e-4)


def test_a_file_that_is_no_package_is_named(tmp_path):
    from packages import write_sounds

    (tmp_path / "game.deb").write_bytes(b"no package")
    with pytest.raises(StridorError, match=r"game\.deb is not a Debian package; give files of 'apt-get download'"):
        write_sounds(tmp_path / "game.deb", tmp_path / "out")


def test_an_encoder_is_judged_layer_by_layer(tmp_path):
    from evaluate import main

    rng = np.random.default_rng(0)

    def write(path: Path, pitch: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        wave = np.sin(2 * np.pi * pitch * np.arange(8000) / 16000) + 0.01 * rng.normal(size=8000)
        soundfile.write(path, 0.3 * wave, 16000)

    rows = [(f"{name}/{number}.wav", name, number % 2 + 4) for name in ("low", "high") for number in range(12)]
    for file, name, _ in rows:
        write(tmp_path / "esc10" / file, 300 if name == "low" else 3000)
    table = "".join(f"{file},{name},{fold}\n" for file, name, fold in rows)
    (tmp_path / "esc10" / "meta.csv").write_text("file,class,fold\n" + table)
    for number, (split, domain, label) in enumerate([
        ("train", "source", "normal"), ("train", "target", "normal"), ("test", "source", "normal"),
        ("test", "target", "normal"), ("test", "source", "anomaly"), ("test", "target", "anomaly"),
    ]):  # fmt: skip
        name = f"section_00_{domain}_{split}_{label}_{number:04d}_noAttribute.wav"
        write(tmp_path / "real" / "fan" / split / name, 3000 if label == "anomaly" else 300)
    save_encoder(random_beats(PRESETS["mini"], 0), tmp_path / "small.pt")
    options = ["--esc10", str(tmp_path / "esc10"), "--machines", str(tmp_path / "real"), "--threads", "1"]
    ended = CliRunner().invoke(main, [str(tmp_path / "small.pt"), *options])
    assert ended.exit_code == 0, ended.output
    cells = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in ended.output.splitlines() if "|" in line}
    assert {f"small, layer {layer}" for layer in range(5)} <= set(cells)
    # Two pitches far apart, and clips that differ by faint noise only.
    accuracy, auc, parts, *_ = (cell.strip() for cell in cells["log-mel, mean"])
    assert (accuracy, auc, parts) == ("100.0 %", "1.000", "1.000 / 1.000 / 1.000")
