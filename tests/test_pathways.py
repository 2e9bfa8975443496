"""The multi-pathway network (eqs 1-5, appendix A.1): gradient, gating, lesions, and its scalar reduction."""

from dataclasses import replace
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from critical_periods.dynamics.schedules import Phase, Task, Window, deficit_schedule
from critical_periods.models.pathways.simulation.hierarchical_task import hierarchical_modes, hierarchical_task
from critical_periods.models.pathways.simulation.network import PathwayNetwork, balanced_weights, random_rotation
from critical_periods.models.pathways.simulation.scalar import scales
from critical_periods.models.pathways.simulation.simulate_network import simulate_network
from critical_periods.solvers import gradient_descent

GATING = {
    "branching": [2, 2, 2],
    "n_pathways": 2,
    "depth": 4,
    "width": 20,
    "activation": "linear",
    "learning_rate": 0.01,
    "epochs": 1000,
    "init_scale": 0.01,
    "init_noise": 0.1,
    "gated_pathway": "b",
    "onset": 0,
    "duration": 150,
    "plasticity": 0.0,
    "lesioned_pathway": None,
    "lesioned_modes": [],
    "lesion_onset": 0,
    "lesion_duration": None,
    "record_every": 10,
    "dtype": "float64",
    "rtol": 1e-9,
    "atol": 1e-11,
    "seed": 0,
}
LESION = GATING | {"depth": 3, "duration": 200, "lesioned_pathway": "a", "lesioned_modes": [2]}
FORWARD = {"linear": lambda x: x, "tanh": torch.tanh, "relu": torch.relu}
LEFT, SINGULAR_VALUES, RIGHT = hierarchical_modes()
TASK = Task(hierarchical_task())


def random_weights(depths, widths, seed=0, scale=0.5, runs=()):
    generator = torch.Generator().manual_seed(seed)
    return [
        scale * torch.randn(*runs, above, below, generator=generator, dtype=torch.float64)
        for depth, width in zip(depths, widths, strict=True)
        for above, below in zip([width] * (depth - 1) + [15], [8] + [width] * (depth - 1), strict=True)
    ]


def outputs(weights, depths, activation):
    """Output of every pathway on the one-hot inputs, written as one would write it for autograd."""
    start = 0
    for depth in depths:
        yield reduce(lambda h, w: FORWARD[activation](w @ h), weights[start : start + depth], torch.eye(8).double())
        start += depth


def lesioned(output, modes):
    """Row and column of each mode of K = U^T Y V set to zero, in the full basis of all 15 outputs."""
    full, right = torch.as_tensor(np.linalg.qr(LEFT, mode="complete")[0]), torch.as_tensor(RIGHT)
    full[:, :8] = torch.as_tensor(LEFT)
    keep = torch.ones(15, 8, dtype=torch.float64)
    keep[list(modes), :] = 0
    keep[:, list(modes)] = 0
    return full @ (keep * (full.T @ output @ right)) @ right.T


# Gradient


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(2, 6)), min_size=1, max_size=3),
    st.sampled_from(["linear", "tanh", "relu"]),
    st.integers(0, 7),
    st.integers(0, 1000),
)
@settings(deadline=None, max_examples=60)
def test_gradient_is_autograds(shapes, activation, mode, seed):
    """Any number of pathways, each of its own depth and width, one of them lesioned."""
    depths, widths = zip(*shapes, strict=True)
    names = tuple("abc"[: len(depths)])
    network = PathwayNetwork(LEFT, RIGHT, depths, names, activation)
    weights = [weight.requires_grad_() for weight in random_weights(depths, widths, seed)]
    phase = Phase("lesion", 1, TASK, lesions={names[-1]: [mode]})
    *whole, last = outputs(weights, depths, activation)
    residual = sum(whole, lesioned(last, [mode])) - torch.as_tensor(TASK.target)
    loss = 0.5 * residual.square().sum()
    expected = torch.autograd.grad(loss, weights)
    detached = [weight.detach() for weight in weights]
    for slope, reference in zip(network.gradient(detached, phase), expected, strict=True):
        torch.testing.assert_close(slope, reference, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(network.loss(detached, phase), loss.item(), rtol=1e-10)


def test_runs_of_a_batch_are_independent():
    network = PathwayNetwork(LEFT, RIGHT, (3, 2), dims=("seed",))
    single = PathwayNetwork(LEFT, RIGHT, (3, 2))
    weights = random_weights((3, 2), (5, 7), runs=(4,))
    phase = Phase("both", 1, TASK, plasticity={"b": 0.5}, lesions={"a": [1, 3]})
    batched = network.gradient(weights, phase)
    observed = network.observe(weights, phase)["pathway_singular_value"]
    assert observed[0] == ("seed", "pathway", "mode")
    for run in range(4):
        alone = [weight[run] for weight in weights]
        for slope, reference in zip(batched, single.gradient(alone, phase), strict=True):
            torch.testing.assert_close(slope[run], reference)
        strengths = single.observe(alone, phase)["pathway_singular_value"][1]
        # Lesioned modes are 0 up to rounding, which depends on the processor.
        np.testing.assert_allclose(observed[1][run], strengths, rtol=1e-12, atol=1e-14)


# Deficits


@pytest.mark.parametrize("activation", ["linear", "tanh", "relu"])
def test_gating_is_detaching_the_output_of_the_pathway(activation):
    """Appendix A.1: `.detach()` on the deprived pathway's output, its output still in the sum."""
    network = PathwayNetwork(LEFT, RIGHT, (3, 3), activation=activation)
    weights = [weight.requires_grad_() for weight in random_weights((3, 3), (6, 6))]
    first, second = outputs(weights, (3, 3), activation)
    loss = 0.5 * (first + second.detach() - torch.as_tensor(TASK.target)).square().sum()
    expected = torch.autograd.grad(loss, weights[:3])
    slopes = network.gradient([weight.detach() for weight in weights], Phase("gating", 1, TASK, plasticity={"b": 0}))
    for slope, reference in zip(slopes[:3], expected, strict=True):
        torch.testing.assert_close(slope, reference, rtol=1e-10, atol=1e-12)
    assert all(torch.equal(slope, torch.zeros_like(slope)) for slope in slopes[3:])


def test_gating_equals_shifted_target():
    """Appendix A.1: pathway a learns as if it were alone and the target were lowered by b's output."""
    weights = random_weights((3, 3), (6, 6), scale=0.2)
    both, alone = PathwayNetwork(LEFT, RIGHT, (3, 3)), PathwayNetwork(LEFT, RIGHT, (3,), ("a",))
    shifted = Task(TASK.target - list(outputs(weights, (3, 3), "linear"))[1].numpy())
    gated = gradient_descent(
        both, weights, [Phase("gating", 50, TASK, plasticity={"b": 0})], learning_rate=0.01, record_every=50
    )
    lowered = gradient_descent(
        alone, weights[:3], [Phase("shifted", 50, shifted)], learning_rate=0.01, record_every=50
    )
    for weight, reference in zip(gated.final[:3], lowered.final, strict=True):
        torch.testing.assert_close(weight, reference, rtol=1e-10, atol=1e-12)
    for weight, before in zip(gated.final[3:], weights[3:], strict=True):
        assert torch.equal(weight, before)
    assert not torch.allclose(gated.final[0], weights[0])


def test_partial_gating_scales_the_gradient_of_the_pathway_alone():
    network, weights = PathwayNetwork(LEFT, RIGHT, (2, 3)), random_weights((2, 3), (4, 5))
    free = network.gradient(weights, Phase("normal", 1, TASK))
    gated = network.gradient(weights, Phase("gating", 1, TASK, plasticity={"b": 0.25}))
    for index, (slope, reference) in enumerate(zip(gated, free, strict=True)):
        torch.testing.assert_close(slope, reference * (1 if index < 2 else 0.25))


def test_a_lesion_silences_row_and_column_of_its_mode():
    network, weights = PathwayNetwork(LEFT, RIGHT, (2, 3)), random_weights((2, 3), (4, 5))
    phase = Phase("lesion", 1, TASK, lesions={"a": [1, 6]})
    whole = network.pathway_matrices(weights, Phase("normal", 1, TASK))
    matrices = network.pathway_matrices(weights, phase)
    assert matrices[0, [1, 6], :].abs().max() < 1e-12
    assert matrices[0, :, [1, 6]].abs().max() < 1e-12
    kept = [0, 2, 3, 4, 5, 7]
    torch.testing.assert_close(matrices[0][kept][:, kept], whole[0][kept][:, kept])
    torch.testing.assert_close(matrices[1], whole[1])


def test_a_lesion_may_last_for_a_window_only():
    whole = simulate_network(LESION)["pathway_singular_value"].isel(solver=0, epoch=-1)
    window = simulate_network(LESION | {"lesion_duration": 300, "epochs": 1300})["pathway_singular_value"]
    assert whole.sel(pathway="a", mode=2) == pytest.approx(0, abs=1e-10)
    assert abs(window.isel(solver=0).sel(pathway="a", mode=2, epoch=slice(0, 290))).max() < 1e-10
    assert window.isel(solver=0).sel(pathway="a", mode=2).isel(epoch=-1) > 0.005
    np.testing.assert_allclose(window.isel(solver=0), window.isel(solver=1), atol=1e-10)


def test_impossible_networks_are_refused():
    with pytest.raises(ValueError, match="activation = 'sigmoid'"):
        PathwayNetwork(LEFT, RIGHT, (2, 2), activation="sigmoid")
    with pytest.raises(ValueError, match="one for each"):
        PathwayNetwork(LEFT, RIGHT, (2,))
    with pytest.raises(ValueError, match="width = 5"):
        balanced_weights(LEFT, RIGHT, np.ones(8), np.ones(8), 3, np.eye(5))
    network = PathwayNetwork(LEFT, RIGHT, (2, 2))
    with pytest.raises(ValueError, match="3 weight matrices"):
        network.loss(random_weights((2, 2), (3, 3))[:3], Phase("normal", 1, TASK))


# Balanced initialization and the scalar reduction


@given(st.integers(2, 6), st.integers(8, 14), st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_balanced_weights_express_their_strengths_and_are_balanced(depth, width, seed):
    generator = np.random.default_rng(seed)
    strength = generator.uniform(0.01, 2, 8)
    rotation = random_rotation(width, generator)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(width), atol=1e-12)
    weights = balanced_weights(LEFT, RIGHT, *scales(strength, depth), depth, rotation)
    np.testing.assert_allclose(LEFT.T @ reduce(lambda b, w: w @ b, weights) @ RIGHT, np.diag(strength), atol=1e-12)
    for below, above in pairwise(weights):
        np.testing.assert_allclose(above.T @ above, below @ below.T, atol=1e-12)


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("base", [GATING, LESION, GATING | {"depth": [2, 4], "width": [8, 30], "onset": 200}])
def test_euler_steps_of_the_scalar_ode_are_gradient_descent(base, noise):
    """With the training step, eqs 6-8 are exact for a balanced diagonal init: the paper's dashed lines."""
    dataset = simulate_network(base | {"init_noise": noise, "epochs": 600})
    assert dataset["ode_deviation"].sel(integration="euler").max() < 1e-9
    np.testing.assert_allclose(
        dataset["pathway_singular_value"].sel(solver="gradient_descent"),
        dataset["pathway_singular_value"].sel(solver="ode"),
        atol=1e-9,
    )


def deviations(base, refined):
    """Deviation from the exact and from the shadowing ODE with the step divided, over the same time."""
    names = ("epochs", "onset", "duration", "record_every")
    settings = base | {name: base[name] * refined for name in names}
    dataset = simulate_network(settings | {"learning_rate": base["learning_rate"] / refined, "width": 8})
    worst = dataset["ode_deviation"].max("mode")
    return worst.sel(integration="exact").item(), worst.sel(integration="shadowing").item()


def test_exact_and_shadowing_ode_at_two_rates():
    """Gradient descent is O(h) from the gradient flow, and O(h^2) from the flow of f(w - (h/2) f(w))."""
    base = GATING | {"epochs": 500, "record_every": 1}
    exact, shadowing = zip(*(deviations(base, refined) for refined in (1, 2, 4)), strict=True)
    assert exact[0] == pytest.approx(0.09, abs=0.01)
    assert exact[1] == pytest.approx(exact[0] / 2, rel=0.1)
    assert exact[2] == pytest.approx(exact[1] / 2, rel=0.1)
    assert shadowing[0] < exact[0] / 20
    assert shadowing[1] == pytest.approx(shadowing[0] / 4, rel=0.2)
    assert shadowing[2] == pytest.approx(shadowing[1] / 4, rel=0.1)


def test_equal_seeds_give_equal_networks_and_different_seeds_different_ones():
    first, again, other = (
        simulate_network(GATING | {"activation": "tanh", "epochs": 200, "seed": seed})["pathway_singular_value"]
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert abs(first - other).max() > 1e-4


# Claims 3 and 4 (figs 2 and 3)


def final(parameters):
    return simulate_network(parameters)["pathway_singular_value"].isel(solver=0, epoch=-1)


def test_early_gating_gives_every_mode_to_the_other_pathway():
    ended = final(GATING)
    assert (ended.sel(pathway="b") < 0.1 * ended.sum("pathway")).all()


def test_gating_in_the_middle_shifts_only_the_modes_not_yet_learned():
    ended = final(GATING | {"onset": 400})
    share = ended.sel(pathway="b") / ended.sum("pathway")
    np.testing.assert_allclose(share.sel(mode=slice(1, 4)), 0.5, atol=0.01)
    assert (share.sel(mode=slice(5, 8)) < 0.25).all()


def test_late_gating_moves_nothing():
    ended = final(GATING | {"onset": 750})
    np.testing.assert_allclose(ended.sel(pathway="a"), ended.sel(pathway="b"), rtol=0.01)


def test_modes_are_learned_in_order_of_size():
    curves = simulate_network(GATING | {"onset": 750})["pathway_singular_value"].isel(solver=0).sum("pathway")
    half = (curves < curves["task_singular_value"] / 2).sum("epoch")
    assert (half.sel(mode=[1, 2, 3, 5]).diff("mode") > 0).all()


def test_the_deprived_pathway_ends_with_the_lesioned_mode_only():
    ended = final(LESION)
    share = ended.sel(pathway="b") / SINGULAR_VALUES
    assert share.sel(mode=2) > 0.99
    assert (share.drop_sel(mode=2) < 0.06).all()


def test_the_dataset_says_what_is_in_it():
    for dataset in (simulate_network(LESION), simulate_network(GATING | {"activation": "relu", "epochs": 200})):
        np.testing.assert_allclose(
            np.diagonal(dataset["pathway_matrix"], axis1=-2, axis2=-1),
            dataset["pathway_singular_value"].isel(epoch=-1).isel(solver=0, missing_dims="ignore"),
            atol=1e-12,
        )
    assert "solver" not in dataset.dims


def test_a_deficit_splits_training():
    phases = deficit_schedule(TASK, 1000, [Window("gating", 400, 150, plasticity={"b": 0})])
    assert [phase.epochs for phase in phases] == [400, 150, 450]
    assert replace(phases[1], name="normal", epochs=400, plasticity={}) == phases[0]


def test_a_network_is_dead_only_where_nothing_could_move_it_without_deficits():
    network = PathwayNetwork(LEFT, RIGHT, (2, 2), activation="relu")
    alive = random_weights((2, 2), (9, 9))
    dead = [*(-weight.abs() for weight in alive[::2]), *(weight.abs() for weight in alive[1::2])]
    dead = [dead[0], dead[2], dead[1], dead[3]]
    gated = Phase("gated", 1, TASK, plasticity={"a": 0.0, "b": 0.0})
    assert not network.observe(alive, gated)["dead"][1]
    assert network.observe(dead, gated)["dead"][1]
    assert not network.observe([*dead[:2], *alive[2:]], Phase("normal", 1, TASK))["dead"][1]
