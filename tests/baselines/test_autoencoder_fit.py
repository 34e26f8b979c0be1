"""The training on a few frames: what is learnt, what is kept out, and where it stops."""

import pytest
import torch

from stridor.baselines import fit
from stridor.baselines.features import stacks
from stridor.baselines.fit import fit_autoencoder
from stridor.common.errors import StridorError
from stridor.params.sections import AutoencoderParams


def clips(lengths=(9, 14, 5, 23), seed=0):
    """Frames along a line in 128 dimensions, which a bottleneck can hold."""
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(128, generator=generator)
    return [-40 + 5 * torch.randn(n, 1, generator=generator) * direction for n in lengths]


def params(**values):
    return AutoencoderParams(**{"epochs": 3, "batch_size": 8} | values)


def trained(frames=None, machine="pump", seed=0, **values):
    epochs = []
    given = clips() if frames is None else frames
    network = fit_autoencoder(given, params(**values), seed, machine, on_epoch=epochs.append)
    return network, epochs


def test_it_learns_to_reconstruct():
    # Over six seeds and three instruction sets both ratios ended between 0.01 and 0.04. Statistics of smaller batches,
    # or of fewer stacks, make the validation loss depend on how a processor rounds.
    frames = clips((90, 140, 50, 230))
    network, epochs = trained(frames, epochs=12, batch_size=16, learning_rate=3e-3)
    assert [epoch.number for epoch in epochs] == list(range(1, 13))
    assert epochs[-1].training < 0.2 * epochs[0].training
    assert epochs[-1].validation < 0.2 * epochs[0].training
    assert not network.training


def test_the_same_seed_gives_the_same_weights_and_each_machine_its_own():
    one, same, other, elsewhere = (
        trained(seed=seed, machine=machine)[0].state_dict()
        for seed, machine in ((1, "pump"), (1, "pump"), (2, "pump"), (1, "fan"))
    )
    assert all(torch.equal(one[name], same[name]) for name in one)
    for different in (other, elsewhere):
        assert not torch.equal(one["decoder.12.weight"], different["decoder.12.weight"])


def test_weights_do_not_depend_on_the_number_of_threads_which_is_restored():
    before = torch.get_num_threads()
    one = trained()[0].state_dict()
    torch.set_num_threads(2)
    try:
        two = trained()[0].state_dict()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_validation_loss_is_that_of_stacks_the_network_does_not_learn_from():
    frames = clips()
    every = torch.cat([stacks(of_clip) for of_clip in frames])
    learnt, kept_out = fit._split(frames, params(validation_share=0.3), 0, "pump")
    together = torch.cat(frames)
    assert len(kept_out) == int(0.3 * len(every))
    # Every stack of every clip comes once, and none goes across the border of two clips.
    found = stacks(together, torch.cat([learnt, kept_out]).sort().values)
    assert torch.equal(found, every)
    network, epochs = trained(frames, validation_share=0.3)
    kept = stacks(together, kept_out)
    with torch.no_grad():
        expected = ((network(kept) - kept) ** 2).mean()
    assert epochs[-1].validation == pytest.approx(float(expected), rel=1e-5)


def test_nothing_kept_out_has_no_validation_loss():
    _, epochs = trained(validation_share=0)
    assert epochs[-1].validation is None
    assert epochs[-1].flat().keys() == {"loss/training"}


def test_the_training_loss_is_the_mean_over_stacks_of_full_and_short_batches():
    frames = clips((11,))  # seven stacks, batches of 4 and 3
    _, epochs = trained(frames, epochs=1, batch_size=4, validation_share=0, learning_rate=1e-12)
    learnt, _ = fit._split(frames, params(validation_share=0), 0, "pump")
    network = fit.random_autoencoder(fit.seed_for(0, "autoencoder", "pump")).train()
    generator = torch.Generator().manual_seed(fit.seed_for(0, "autoencoder batches", "pump"))
    shuffled = stacks(frames[0], learnt[torch.randperm(7, generator=generator)])
    with torch.no_grad():
        errors = [((network(batch) - batch) ** 2).mean(dim=1) for batch in shuffled.split(4)]
    assert epochs[0].training == pytest.approx(float(torch.cat(errors).mean()), rel=1e-4)


def test_a_last_batch_of_one_stack_is_left_out():
    network, epochs = trained(clips((13,)), batch_size=4, validation_share=0)  # nine stacks
    assert torch.isfinite(torch.tensor(epochs[-1].training))
    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())


@pytest.mark.parametrize("frames", [[], clips((5,))])
def test_too_few_stacks_are_an_error(frames):
    with pytest.raises(StridorError, match=f"'pump' has {len(frames)} stacks of five frames"):
        trained(frames)


def test_a_diverged_training_is_an_error():
    with pytest.raises(StridorError, match=r"'pump' diverged in epoch \d+ .*lower autoencoder\.learning_rate"):
        # Beyond what params.yaml takes, so that it diverges at once.
        fit_autoencoder(clips(), params(epochs=30).model_copy(update={"learning_rate": 1e38}), 0, "pump")
