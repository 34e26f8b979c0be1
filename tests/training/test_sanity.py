"""Distances that say whether the separator separates."""

import copy
import math

import pytest
import torch

from stridor.audio.fbank import DECIBELS_PER_UNIT, NORMAL_SCALE
from stridor.models.separator import Separator
from stridor.training import fit
from stridor.training.sanity import (
    SNRS_DB,
    SanityCheck,
    Separation,
    log_spectral_distance_db,
    machine_mean_spectra,
)
from stridor.training.task import SeparationTask
from tiny import tiny_encoder, tiny_params, tiny_training_set


def test_a_factor_of_ten_in_power_is_ten_decibels():
    image = torch.randn(7, 128)
    louder = image + math.log(10) / NORMAL_SCALE
    assert float(log_spectral_distance_db(image, louder)) == pytest.approx(10.0, abs=1e-4)
    assert pytest.approx(56.94, abs=0.01) == DECIBELS_PER_UNIT


@pytest.mark.parametrize(
    ("snr_db", "estimate", "learnt"),
    [(-5, 4.0, True), (-5, 5.5, False), (-5, 7.0, False), (10, 4.0, True), (10, 5.5, False)],
)
def test_learnt_means_nearer_than_mean_spectrum_and_at_low_ratios_than_the_mixture(snr_db, estimate, learnt):
    mixture = 6.0 if snr_db < 5 else 2.0
    assert Separation("pump", snr_db, 8, estimate, mixture, 5.0).learnt is learnt


def checked():
    params = tiny_params()
    _, data = tiny_training_set(params)
    task = SeparationTask(tiny_encoder(), Separator(32, params.decoder), params.training)
    return SanityCheck(data, params, machine_mean_spectra(data, task, params)), task


def test_an_untrained_direct_separator_that_starts_at_the_mean_spectrum_equals_it():
    check, task = checked()
    task.separator.mean_spectra[0] = check.mean_spectra["pump"]
    found = check(task)
    assert [one.snr_db for one in found] == list(SNRS_DB)
    for one in found:
        assert one.clips == 2
        assert one.estimate_db == pytest.approx(one.mean_spectrum_db, abs=1e-4)
        assert not one.learnt
    mixtures = [one.mixture_db for one in found]
    assert mixtures == sorted(mixtures, reverse=True)
    assert task.training


def test_the_same_mixtures_are_measured_every_time_by_the_weights_of_then():
    check, task = checked()
    first = check(task)
    assert check(task) == first
    optimiser = fit._optimiser(task, tiny_params(), tiny_params().training.stage_one)
    for parameter in task.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    for _ in range(3):
        optimiser.step()
    # A copy keeps nothing of what was made of the weights before.
    assert check(task) == check(copy.deepcopy(task)) != first


def test_nothing_held_out_gives_no_figures():
    params = tiny_params(training={"held_out_clips": 0})
    _, data = tiny_training_set(params)
    task = SeparationTask(tiny_encoder(), Separator(32, params.decoder), params.training)
    assert SanityCheck(data, params, {})(task) == []
