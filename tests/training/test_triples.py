"""What is mixed with what."""

import numpy as np
import pytest

from stridor.audio.files import read_clip, write_clip
from stridor.audio.mixing import mean_power
from stridor.common.errors import StridorError
from stridor.common.seeds import rng_for
from stridor.training.triples import Example, draw_triple
from tiny import tiny_params, tiny_training_set


def snr_db(triple):
    return 10 * np.log10(mean_power(triple.target) / mean_power(triple.interferer))


def test_noise_clips_are_interferers_and_never_targets():
    _, data = tiny_training_set(tiny_params(), "noise")
    assert {example.clip.split for example in data.examples} == {"train"}
    assert len(data.interferers.paths("noise", "pump")) == 3 * 2
    assert len(data.examples) + len(data.held_out) == 12


def test_clean_clips_contribute_their_noisy_variants():
    _, data = tiny_training_set(tiny_params(), "clean")
    pairs = [example for example in data.examples if example.pair]
    assert len(pairs) == 3 * 2
    assert {example.clip.kind for example in pairs} == {"clean"}
    assert data.interferers.paths("noise", "pump") == ()


def test_a_machine_without_supplements_is_mixed_with_gaussian_noise():
    _, data = tiny_training_set(tiny_params(), "none")
    triple = draw_triple(data.examples[0], data.interferers, tiny_params(), rng_for(0, "x"), snr_db=3.0)
    # White: neighbouring samples are uncorrelated.
    noise = triple.interferer
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.05
    assert snr_db(triple) == pytest.approx(3.0, abs=1e-3)


@pytest.mark.parametrize("kind", ["noise", "clean", "none"])
def test_mixture_is_target_plus_interferer_of_the_same_length(kind):
    params = tiny_params()
    _, data = tiny_training_set(params, kind)
    for example in data.examples:
        triple = draw_triple(example, data.interferers, params, rng_for(0, example.clip.path))
        assert triple.mixture.shape == triple.target.shape == triple.interferer.shape
        np.testing.assert_allclose(triple.mixture, triple.target + triple.interferer, atol=1e-6)
        if example.pair:
            # 16 bits on disk leave a little of the drawn ratio.
            assert snr_db(triple) == pytest.approx(example.pair.snr_db, abs=0.1)


def test_without_mixing_a_clip_is_its_own_mixture_as_often_as_it_had_variants():
    params = tiny_params(augment={"mix": False, "variants": 2}, training={"interferer_weight": 0})
    _, data = tiny_training_set(params, "clean")
    assert len([example for example in data.examples if example.pair]) == 3 * 2
    for example in data.examples:
        triple = draw_triple(example, data.interferers, params, rng_for(0, example.clip.path))
        np.testing.assert_array_equal(triple.mixture, triple.target)
        assert not triple.interferer.any()
    mixed = draw_triple(data.held_out[0], data.interferers, params, rng_for(0, "x"), snr_db=3.0)
    assert snr_db(mixed) == pytest.approx(3.0, abs=1e-3)


def test_a_share_of_the_examples_stays_unmixed():
    params = tiny_params(augment={"unmixed": 0.2, "variants": 2})
    _, data = tiny_training_set(params)
    triples = [draw_triple(data.examples[0], data.interferers, params, rng_for(i, "x")) for i in range(200)]
    unmixed = [triple for triple in triples if not triple.interferer.any()]
    assert 25 < len(unmixed) < 56
    assert all(np.array_equal(triple.mixture, triple.target) for triple in unmixed)
    assert snr_db(draw_triple(data.held_out[0], data.interferers, params, rng_for(0, "x"), 3.0)) == pytest.approx(3)


def test_drawn_ratios_stay_in_the_interval():
    params = tiny_params(augment={"snr_db": [-3, 4], "variants": 1})
    _, data = tiny_training_set(params)
    drawn = [snr_db(draw_triple(data.examples[0], data.interferers, params, rng_for(i, "x"))) for i in range(40)]
    assert -3.01 <= min(drawn) < 0 < max(drawn) <= 4.01


def test_only_source_normals_are_held_out_and_a_fifth_at_most():
    _, data = tiny_training_set(tiny_params(training={"held_out_clips": 50}))
    assert len(data.held_out) == 2
    assert {example.clip.domain for example in data.held_out} == {"source"}
    assert not {e.clip.path for e in data.held_out} & {e.clip.path for e in data.examples}
    _, none = tiny_training_set(tiny_params(training={"held_out_clips": 0}))
    assert none.held_out == ()


def test_a_silent_clip_is_refused_by_name():
    _, data = tiny_training_set(tiny_params())
    clip = data.examples[0].clip
    write_clip(clip.path, np.zeros(5_000))
    assert not read_clip(clip.path).any()
    with pytest.raises(StridorError, match=clip.file_name):
        draw_triple(Example(clip), data.interferers, tiny_params(), rng_for(0, "x"))
