"""Planning: what is learnt from, what is kept for the test, names, origins, copies."""

import shutil

import numpy as np
import pytest
import soundfile as sf

from recordings import write_recording
from stridor.common.errors import StridorError
from stridor.data.names import parse_clip_name
from stridor.ingest.recordings.machines import find_machines
from stridor.ingest.recordings.plain import Cutting, plan_machine


def plan(folder, **how):
    (machine,) = find_machines(folder).machines
    return plan_machine(machine, Cutting(**{"clip_seconds": 1, **how}), "mean")


def splits(planned):
    """Return the splits of each recording's clips by its origin."""
    return {one.survey.origin: {clip.split for clip in one.clips} for one in planned.recordings}


def oddities(planned):
    return {oddity.what: oddity.entries for oddity in planned.oddities}


def test_roles_become_splits_labels_domains_and_kinds(plain):
    planned = plan(plain)
    said = {}
    for one in planned.recordings:
        for clip in one.clips:
            name = parse_clip_name(clip.path.rpartition("/")[2], clip.split)
            said.setdefault(one.survey.origin, set()).add((clip.split, name.domain, name.label, name.kind))
    normals = {origin: said.pop(origin) for origin in list(said) if origin.startswith("normal/")}
    assert said == {
        "anomaly/x.wav": {("test", "source", "anomaly", None)},
        "anomaly/target/y.wav": {("test", "target", "anomaly", None)},
        "noise/hall.wav": {("supplemental", None, None, "noise")},
        "clean/alone.wav": {("supplemental", None, None, "clean")},
    }
    target = normals.pop("normal/target/day one/d.wav")
    assert target == {("train", "target", "normal", None)}
    assert sorted(map(sorted, normals.values())) == [
        [("test", "source", "normal", None)], *[[("train", "source", "normal", None)]] * 3,
    ]  # fmt: skip
    assert any("one normal recording of the target domain" in note for note in planned.notes)
    assert planned.oddities == ()


def test_names_and_table_say_where_a_clip_comes_from(plain):
    planned = plan(plain, clip_seconds=1.5)
    rows = [line.split(",") for line in planned.origins.splitlines()]
    assert rows.pop(0) == ["file_name", "d1p", "d1v", "d2p", "d2v", "origin"]
    assert len(rows) == len({row[0] for row in rows}) == sum(len(one.clips) for one in planned.recordings)
    for place, _, recording, _, second, origin in rows:
        one = planned.recordings[int(recording)]
        assert one.survey.origin == origin
        assert place in {f"fan/{clip.path}" for clip in one.clips if clip.start == float(second) * 4000}
        name = parse_clip_name(place.rpartition("/")[2], place.split("/")[1])
        if name.split != "supplemental":
            assert name.attributes == {"recording": recording, "second": second}
    numbers = sorted(
        parse_clip_name(row[0].rpartition("/")[2], "supplemental").number for row in rows if "noise" in row[0]
    )
    assert numbers == [0, 1, 2, 3]


@pytest.mark.parametrize(("share", "number"), [(0.01, 1), (0.25, 2), (0.5, 4), (0.99, 8)])
def test_share_of_the_recordings_and_never_all_of_them(tmp_path, share, number):
    for index in range(9):
        write_recording(tmp_path / "fan" / "normal" / f"{index}.wav", 2 + index)
    write_recording(tmp_path / "fan" / "anomaly" / "x.wav", 2)
    normal = {
        origin: kinds
        for origin, kinds in splits(plan(tmp_path / "fan", test_share=share)).items()
        if "normal" in origin
    }
    assert all(len(kinds) == 1 for kinds in normal.values())
    assert sum("test" in kinds for kinds in normal.values()) == number


def test_the_split_knows_the_sound_and_neither_names_nor_formats(tmp_path):
    for index in range(12):
        write_recording(tmp_path / "fan" / "normal" / f"{index}.wav", 2)
    write_recording(tmp_path / "fan" / "anomaly" / "x.wav", 2)
    before = splits(plan(tmp_path / "fan"))
    assert before == splits(plan(tmp_path / "fan"))
    for index in range(12):
        samples, rate_hz = sf.read(tmp_path / "fan" / "normal" / f"{index}.wav", dtype="int16")
        (tmp_path / "fan" / "normal" / f"{index}.wav").unlink()
        sf.write(tmp_path / "fan" / "normal" / f"x{11 - index}.flac", samples, rate_hz)
    after = splits(plan(tmp_path / "fan"))
    assert [after[f"normal/x{11 - index}.flac"] for index in range(12)] == [
        before[f"normal/{index}.wav"] for index in range(12)
    ]


def test_without_anomalies_all_is_learnt(plain):
    shutil.rmtree(plain / "anomaly")
    planned = plan(plain)
    assert {kind for origin, kinds in splits(planned).items() if "normal/" in origin for kind in kinds} == {"train"}
    assert any("there are no anomalies" in note for note in planned.notes)


def test_a_share_of_nothing_is_said(plain):
    planned = plan(plain, test_share=0)
    assert splits(planned)["normal/a.wav"] == {"train"}
    assert any("no normal recordings are kept for the test" in note for note in planned.notes)


def test_too_few_recordings_are_all_learnt(tmp_path):
    for name in ("normal/a.wav", "normal/b.wav", "anomaly/x.wav"):
        write_recording(tmp_path / "fan" / name, 1)
    planned = plan(tmp_path / "fan")
    assert splits(planned) == {"normal/a.wav": {"train"}, "normal/b.wav": {"train"}, "anomaly/x.wav": {"test"}}
    assert any("too few normal recordings" in note for note in planned.notes)


def test_a_test_set_larger_than_what_is_learnt_is_said(tmp_path):
    for index in range(6):
        write_recording(tmp_path / "fan" / "normal" / f"{index}.wav", 2)
    write_recording(tmp_path / "fan" / "anomaly" / "x.wav", 2)
    (test,) = [origin for origin, kinds in splits(plan(tmp_path / "fan", test_share=0.1)).items() if kinds == {"test"}
               and "normal" in origin]  # fmt: skip
    samples, rate_hz = sf.read(tmp_path / "fan" / test, dtype="int16")
    # The first clip of a recording decides, so that this one stays where it is.
    more = np.random.default_rng(0).integers(-999, 999, 20 * rate_hz, dtype=np.int16)
    sf.write(tmp_path / "fan" / test, np.concatenate([samples, more]), rate_hz)
    notes = plan(tmp_path / "fan", test_share=0.1).notes
    assert any("more normal clips in test/ than in train/" in note for note in notes)


def test_copies_are_left_out_and_named(plain):
    samples, rate_hz = sf.read(plain / "normal" / "a.wav", dtype="int16")
    sf.write(plain / "normal" / "deep" / "copy.flac", samples, rate_hz)
    sf.write(plain / "normal" / "part.wav", samples[2 * rate_hz :], rate_hz)
    planned = plan(plain)
    assert splits(planned)["normal/deep/copy.flac"] == splits(planned)["normal/part.wav"] == set()
    assert oddities(planned) == {
        "recordings with clips that another one holds already, left out": (
            "normal/deep/copy.flac: 5 of 5, as in normal/a.wav",
            "normal/part.wav: 3 of 3, as in normal/a.wav",
        )
    }
    assert len({clip.path for one in planned.recordings for clip in one.clips}) == len(planned.origins.splitlines()) - 1


def test_what_repeats_within_a_recording_stays(tmp_path):
    second = write_recording(tmp_path / "fan" / "normal" / "a.wav", 1)
    sf.write(tmp_path / "fan" / "normal" / "a.wav", np.tile(second, (4, 1)), 4000)
    assert len(plan(tmp_path / "fan").recordings[0].clips) == 4


@pytest.mark.parametrize("other", ["anomaly/z.wav", "noise/z.wav", "normal/target/z.wav"])
@pytest.mark.parametrize("skip", [False, True])
def test_the_same_sound_in_two_folders_is_refused(plain, other, skip):
    shutil.copy(plain / "normal" / "a.wav", plain / other)
    with pytest.raises(StridorError, match="hold the same sound, but a recording belongs to one folder") as refused:
        plan(plain, skip_unreadable=skip)
    assert "normal/a.wav" in str(refused.value)
    assert other in str(refused.value)


def test_silence_is_left_out_and_does_not_count_as_a_copy(plain):
    for name in ("normal/off.wav", "anomaly/off.wav", "noise/off.wav"):
        sf.write(plain / name, np.zeros(8000), 4000)
    samples, rate_hz = sf.read(plain / "normal" / "a.wav")
    samples[2 * rate_hz : 3 * rate_hz] = 0
    sf.write(plain / "normal" / "a.wav", samples, rate_hz)
    planned = plan(plain)
    assert oddities(planned)["silent clips, left out"] == (
        "anomaly/off.wav from 0 s", "anomaly/off.wav from 1 s", "noise/off.wav from 0 s", "noise/off.wav from 1 s",
        "normal/a.wav from 2 s", "normal/off.wav from 0 s", "normal/off.wav from 1 s",
    )  # fmt: skip
    assert splits(planned)["normal/off.wav"] == set()
    (a,) = [one for one in planned.recordings if one.survey.origin == "normal/a.wav"]
    assert [clip.start // rate_hz for clip in a.clips] == [0, 1, 3, 4]


def test_unusable_recordings_are_refused_or_skipped_on_request(plain):
    (plain / "normal" / "empty.wav").write_bytes(b"")
    write_recording(plain / "normal" / "blip.wav", 0.1)
    with pytest.raises(StridorError) as refused:
        plan(plain)
    sentence = str(refused.value)
    assert "normal/blip.wav lasts 0.1000 s" in sentence
    assert "; 1 more of the machine's recordings have problems too (normal/empty.wav); --skip-unreadable" in sentence
    planned = plan(plain, skip_unreadable=True)
    assert oddities(planned) == {
        "recordings skipped as they cannot be used": (
            "normal/blip.wav lasts 0.1000 s; the encoder needs at least 0.175 s, remove it",
            "normal/empty.wav is not readable audio (Format not recognised); export it as WAV",
        )
    }
    assert "normal/empty.wav" not in splits(planned)


@pytest.mark.parametrize("seconds", [[1], [0.1], []])
def test_two_clips_of_normal_running_there_must_be(tmp_path, seconds):
    (tmp_path / "fan" / "normal").mkdir(parents=True)
    sf.write(tmp_path / "fan" / "normal" / "off.wav", np.zeros(8000), 4000)
    for index, length in enumerate(seconds):
        write_recording(tmp_path / "fan" / "normal" / f"{index}.wav", length)
    clips = "1 training clip" if seconds == [1] else "0 training clips"
    with pytest.raises(StridorError, match=f"fan gives {clips}; a threshold needs at least two"):
        plan(tmp_path / "fan", skip_unreadable=True)
