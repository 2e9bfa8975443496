"""Scalar dynamics of the pathways (eqs 6-8): inversion, conservation, flow field, integration, competition."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from critical_periods.dynamics.schedules import Phase, Task, Window, deficit_schedule
from critical_periods.models.pathways.simulation.deficits import gating
from critical_periods.models.pathways.simulation.scalar import (
    ScalarPathways,
    flow_field,
    initial_scales,
    learning_speed,
    pathway_singular_value,
    scales,
    sharpness,
)
from critical_periods.models.pathways.simulation.simulate_scalar import simulate_scalar
from critical_periods.solvers import gradient_descent, gradient_flow

PORTRAIT = {
    "depth": 2,
    "n_pathways": 2,
    "singular_value": 10.0,
    "imbalance": 1.0,
    "init_mean": 0.0,
    "init_sd": 0.01,
    "n_trajectories": 20,
    "learning_rate": 0.001,
    "epochs": 1000,
    "gated_pathway": "b",
    "onset": 0,
    "duration": 15,
    "plasticity": 0.0,
    "alternate_every": None,
    "lesioned_pathway": None,
    "lesion_onset": 0,
    "lesion_duration": None,
    "init_handicap": 1.0,
    "depth_handicap": 0,
    "record_every": 50,
    "portrait": True,
    "solver": "gradient_descent",
    "rtol": 1e-8,
    "atol": 1e-10,
    "seed": 0,
}
SMALL_INIT = PORTRAIT | {
    "imbalance": 0.0,
    "init_mean": 0.005,
    "init_sd": 0.0,
    "n_trajectories": 1,
    "learning_rate": 0.01,
    "epochs": 1_000_000,
    "duration": 5,
    "record_every": 10_000,
    "solver": "gradient_flow",
}

depths = st.integers(2, 30)
imbalances = st.one_of(st.just(0.0), st.floats(-10, 10))
strengths = st.one_of(st.just(0.0), st.floats(1e-30, 100), st.floats(-100, -1e-30))


def normal(epochs, target, shape=()):
    return Phase("normal", epochs, Task(np.full(shape, target)))


def gated(epochs, target, onset, duration, plasticity):
    return deficit_schedule(Task(np.array(target)), epochs, [Window("gating", onset, duration, plasticity)])


def flow(model, parameters, schedule, rate, **settings):
    tight = {"rtol": 1e-10, "atol": 1e-12, "method": "LSODA", "run_by_run": False, "record_every": 10}
    return gradient_flow(model, parameters, schedule, learning_rate=rate, **(tight | settings))


# Eq 6 and its inverse


@given(strengths, depths, imbalances)
@settings(deadline=None, max_examples=300)
def test_scales_invert_the_singular_value_at_the_given_imbalance(strength, depth, imbalance):
    p, q = scales(strength, depth, imbalance)
    np.testing.assert_allclose(pathway_singular_value(p, q, depth), strength, rtol=1e-10, atol=1e-300)
    np.testing.assert_allclose(q**2 - p**2, imbalance, rtol=1e-10, atol=1e-12 * max(1, float(p) ** 2))


def test_scales_of_a_pathway_that_expresses_nothing():
    for imbalance, expected in ((0.0, (0, 0)), (4.0, (0, 2)), (-4.0, (2, 0))):
        np.testing.assert_allclose(scales(0.0, 5, imbalance), expected, atol=1e-15)


def test_scales_are_vectorised():
    depth = np.array([2, 5, 13])
    strength = np.linspace(0, 10, 7)[:, None]
    p, q = scales(strength, depth, 1.0)
    assert p.shape == q.shape == (7, 3)
    np.testing.assert_allclose(pathway_singular_value(p, q, depth), np.broadcast_to(strength, (7, 3)), atol=1e-12)


@pytest.mark.parametrize("depth", [1, 0, 2.5])
def test_a_single_matrix_has_no_scalar_reduction(depth):
    with pytest.raises(ValueError, match="2 or more"):
        ScalarPathways(depth)
    with pytest.raises(ValueError, match="2 or more"):
        scales(1.0, depth)


def test_initial_scales_refuse_what_has_no_real_q():
    with pytest.raises(ValueError, match="imbalance"):
        initial_scales(np.array([0.1]), -1.0)


# Eqs 7 and 8: velocity, flow field, conservation


@given(depths, st.floats(0.1, 1.5), st.floats(0.0, 1.5), st.floats(0.5, 10))
@settings(deadline=None, max_examples=100)
def test_velocity_of_k_follows_from_those_of_p_and_q(depth, first, second, target):
    p, q = initial_scales(np.array([first, second]), 0.5)
    model = ScalarPathways(depth, ())
    dp, dq = (-slope for slope in model.gradient([p, q], normal(1, target)))
    by_chain_rule = q ** (depth - 1) * dp + (depth - 1) * p * q ** (depth - 2) * dq
    strength = pathway_singular_value(p, q, depth)
    np.testing.assert_allclose(by_chain_rule, learning_speed(p, q, depth) * (target - strength.sum()), rtol=1e-9)
    np.testing.assert_allclose(flow_field(strength, target, depth, 0.5), by_chain_rule, rtol=1e-6, atol=1e-9)


def test_flow_field_down_to_zero():
    """At K = 0 with C = 1 only p can start, at speed s; with C = 0 the origin is a fixed point."""
    for depth in (2, 5, 13):
        np.testing.assert_allclose(flow_field(np.zeros((2, 1)), 10.0, depth, 1.0), 10.0)
        np.testing.assert_array_equal(flow_field(np.zeros((2, 1)), 10.0, depth, 0.0), 0.0)
    assert np.isfinite(flow_field(np.array([[0, 1e-300, 1e-12], [0, 0, 10.0]]), 10.0, 13, 1.0)).all()


def test_flow_rests_on_the_line_where_the_pathways_add_up():
    first = np.linspace(0, 10, 11)
    np.testing.assert_allclose(flow_field(np.stack([first, 10 - first]), 10.0, 5, 1.0), 0, atol=1e-6)


def test_equal_scales_stay_equal_even_under_euler():
    dataset = simulate_scalar(SMALL_INIT | {"solver": "gradient_descent", "epochs": 300, "record_every": 100})
    np.testing.assert_allclose(dataset["pathway_singular_value"].isel(epoch=-1).sum(), 10, atol=1e-6)
    assert float(dataset["imbalance_drift"].max()) == 0


@pytest.mark.parametrize("depth", [2, 4, 8])
@pytest.mark.parametrize("imbalance", [1.0, 0.1, -0.04])
def test_imbalance_is_conserved_by_the_flow_and_to_first_order_by_euler(depth, imbalance):
    generator = np.random.default_rng(depth)
    initial = initial_scales(0.25 + 0.05 * generator.random((2, 6)), imbalance)
    model = ScalarPathways(depth, ("trajectory",))
    schedule = gated(400, 3.0, 20, 50, {"b": 0.3})

    def drift(trajectory):
        change = trajectory["imbalance"] - trajectory["imbalance"].isel(epoch=0)
        return float(abs(change).max())

    settled = drift(flow(model, initial, schedule, 0.005).trajectory)
    coarse, fine = (
        drift(
            gradient_descent(
                model,
                initial,
                [Phase(p.name, p.epochs * refined, p.task, p.plasticity) for p in schedule],
                learning_rate=0.005 / refined,
                record_every=1,
            ).trajectory
        )
        for refined in (1, 2)
    )
    assert settled < 1e-8
    assert coarse > 10 * settled
    assert fine == pytest.approx(coarse / 2, rel=0.25)


# Integration


def test_euler_steps_converge_to_the_adaptive_solution_through_a_deficit():
    """The paper's Euler integration is gradient descent on the model; half the step leaves half the error."""
    initial = initial_scales(np.array([[0.05, 0.1], [0.06, 0.02]]), 1.0)
    model = ScalarPathways(3, ("trajectory",))
    rate, schedule = 0.002, gated(200, 10.0, 10, 15, {"b": 0})
    exact = flow(model, initial, schedule, rate).trajectory["pathway_singular_value"]

    def error(refined):
        fine = [Phase(p.name, p.epochs * refined, p.task, p.plasticity) for p in schedule]
        steps = gradient_descent(model, initial, fine, learning_rate=rate / refined, record_every=5 * refined)
        euler = steps.trajectory["pathway_singular_value"].assign_coords(epoch=steps.trajectory["epoch"] // refined)
        return float(abs(euler - exact).max())

    errors = [error(refined) for refined in (1, 2, 4)]
    assert errors[0] > 0.05
    assert errors[1] == pytest.approx(errors[0] / 2, rel=0.15)
    assert errors[2] == pytest.approx(errors[0] / 4, rel=0.15)


@pytest.mark.parametrize(("depth", "epochs"), [(2, 500), (3, 4000)])
def test_small_init_agrees_with_its_euler_steps(depth, epochs):
    """Figure 7's adaptive integration ends where the paper's fixed steps do."""
    short = SMALL_INIT | {"depth": depth, "epochs": epochs, "record_every": epochs}
    adaptive, euler = (
        simulate_scalar(short | {"solver": solver})["pathway_singular_value"].isel(epoch=-1)
        for solver in ("gradient_flow", "gradient_descent")
    )
    np.testing.assert_allclose(adaptive.sum("pathway"), 10, atol=1e-6)
    np.testing.assert_allclose(adaptive, euler, atol=0.2)


def test_no_step_straddles_the_edge_of_a_deficit():
    """A short deficit in a long calm is noticed: the gated pathway is at rest exactly while it lasts."""
    model = ScalarPathways(2, ())
    initial = initial_scales(np.array([0.001, 0.001]), 0.0)
    schedule = gated(100_000, 1e-5, 40_000, 20, {"b": 0})
    kept = flow(model, initial, schedule, 1.0, record_every=100_000, keep=[40_000, 40_020]).parameters
    for before, after in zip(kept[40_000], kept[40_020], strict=True):
        assert before[1] == after[1]
        assert before[0] < after[0]


def test_initial_conditions_do_not_influence_each_other():
    initial = initial_scales(np.random.default_rng(0).normal(0, 0.05, (2, 5)), 1.0)
    model, schedule = ScalarPathways(4, ("trajectory",)), gated(200, 5.0, 0, 9, {"a": 0})
    together = gradient_descent(model, initial, schedule, learning_rate=0.002, record_every=20).trajectory
    alone = gradient_descent(model, [x[:, 2:3] for x in initial], schedule, learning_rate=0.002, record_every=20)
    np.testing.assert_array_equal(
        together["pathway_singular_value"][..., 2:3], alone.trajectory["pathway_singular_value"]
    )


def test_pathways_may_differ_in_depth_and_be_more_than_two():
    model = ScalarPathways(np.array([2, 3, 6])[:, None], ("mode",), ("a", "b", "c"))
    target = np.array([4.0, 2.0])
    initial = [np.full((3, 2), 0.3)] * 2
    trajectory = flow(model, initial, [Phase("normal", 3000, Task(target))], 0.01).trajectory
    final = trajectory["pathway_singular_value"].isel(epoch=-1)
    np.testing.assert_allclose(final.sum("pathway"), target, rtol=1e-6)
    assert (final.sel(mode=0).diff("pathway") < 0).all(), "a shallower pathway starts larger and wins"


# Deficits


def test_gating_holds_p_and_q_while_the_output_still_counts():
    model, (p, q) = ScalarPathways(3, ()), (np.array([0.5, 0.7]), np.array([0.6, 0.8]))
    gated = Phase("gating", 1, Task(np.array(2.0)), plasticity={"b": 0})
    free = model.gradient([p, q], normal(1, 2.0))
    for slope, full in zip(model.gradient([p, q], gated), free, strict=True):
        assert slope[1] == 0
        assert slope[0] == full[0]
    shifted = ScalarPathways(3, (), ("a",))
    target = 2.0 - pathway_singular_value(p[1], q[1], 3)
    for slope, full in zip(shifted.gradient([p[:1], q[:1]], normal(1, target)), free, strict=True):
        np.testing.assert_allclose(slope[0], full[0], rtol=1e-14)


def test_partial_gating_interpolates():
    model, state = ScalarPathways(3, ()), (np.array([0.5, 0.7]), np.array([0.6, 0.8]))
    half = model.gradient(state, Phase("gating", 1, Task(np.array(2.0)), plasticity={"b": 0.5}))
    for slope, full in zip(half, model.gradient(state, normal(1, 2.0)), strict=True):
        np.testing.assert_allclose(slope, full * [1, 0.5])


def test_a_deficit_of_an_unknown_pathway_or_mode_is_refused():
    model, state = ScalarPathways(3), [np.ones((2, 4))] * 2
    with pytest.raises(ValueError, match="pathway 'c'"):
        model.gradient(state, Phase("gating", 1, Task(np.ones(4)), plasticity={"c": 0}))
    with pytest.raises(ValueError, match="allowed: 0 to 3"):
        model.gradient(state, Phase("lesion", 1, Task(np.ones(4)), lesions={"a": [4]}))


def test_overlapping_deficits_make_a_phase_of_their_own():
    windows = [
        Window("gating", 10, 20, plasticity={"b": 0}),
        Window("lesion", 20, 80, lesions={"a": [1]}),
    ]
    schedule = deficit_schedule(Task(None), 100, windows)
    assert [(phase.name, phase.epochs) for phase in schedule] == [
        ("normal", 10),
        ("gating", 10),
        ("gating and lesion", 10),
        ("lesion", 70),
    ]
    assert schedule[2].plasticity == {"b": 0}
    assert schedule[2].lesions == {"a": [1]}
    with pytest.raises(ValueError, match="inside the 100 epochs"):
        deficit_schedule(Task(None), 100, [Window("gating", 90, 11)])


# Claims 1 and 2 (fig 1)


def shares(parameters):
    final = simulate_scalar(parameters)["pathway_singular_value"].isel(epoch=-1, mode=0).mean("trajectory")
    return final.sel(pathway="b").item() / final.sum("pathway").item()


def test_early_gating_takes_more_from_the_deprived_pathway_the_deeper_it_is():
    early = [shares(PORTRAIT | {"depth": depth}) for depth in (2, 5, 8, 13)]
    assert np.all(np.diff(early) < 0)
    assert early[0] > 0.4
    assert early[-1] < 0.05


def test_late_gating_changes_little():
    for depth in (5, 8, 13):
        assert shares(PORTRAIT | {"depth": depth, "onset": 100}) == pytest.approx(0.5, abs=0.05)
    assert shares(PORTRAIT | {"onset": 100}) == pytest.approx(0.45, abs=0.02)


# Beyond the paper

SWEEP = PORTRAIT | {"portrait": False, "solver": "gradient_flow", "record_every": 1000, "n_trajectories": 3}


@pytest.mark.parametrize("singular_value", [0.5, 6.0, 9.0], ids=["above", "at the minimum", "below"])
@pytest.mark.parametrize("strengths", [[1.5, 4.5], [4.0, -1.0, 3.0], [3.0, 0.0, 1.0, 2.0]])
@pytest.mark.parametrize("depth", [2, 3, 4, "unequal"])
@pytest.mark.parametrize("imbalance", [0.0, 0.7])
def test_sharpness_is_the_largest_eigenvalue_of_the_hessian(imbalance, depth, strengths, singular_value):
    """Of the loss in all D weights of every pathway, trained to the end or not, by automatic differentiation."""
    depths = np.array([5, 2, 3, 4][: len(strengths)]) if depth == "unequal" else np.full(len(strengths), depth)
    p, q = scales(np.array(strengths), depths, imbalance)
    weights = [[last, *[inner] * (count - 1)] for last, inner, count in zip(p, q, depths, strict=True)]

    def loss(weights):
        expressed = sum(part.prod() for part in torch.split(weights, depths.tolist()))
        return 0.5 * (singular_value - expressed) ** 2

    hessian = torch.autograd.functional.hessian(loss, torch.tensor(np.concatenate(weights)))
    assert sharpness(p, q, depths, singular_value) == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=1e-10)


def test_sharpness_of_many_trajectories_is_that_of_each():
    generator = np.random.default_rng(0)
    p, q = generator.standard_normal((3, 7, 2)), generator.random((3, 7, 2))
    depth = np.array([2, 3, 4])[:, None, None]
    each = [[sharpness(p[:, i, j], q[:, i, j], depth[:, 0, 0], 1.0 + j) for j in range(2)] for i in range(7)]
    np.testing.assert_allclose(sharpness(p, q, depth, np.array([1.0, 2.0])), each, rtol=1e-12)


def test_sharpness_of_small_equal_beginnings_falls_with_sharing():
    for depth in (2, 3, 6):
        alone, shared = (sharpness(*scales(np.array(K), depth), depth, 10.0) for K in ([10.0, 0.0], [5.0, 5.0]))
        assert alone == pytest.approx(depth * 10 ** (2 - 2 / depth))
        assert shared / alone == pytest.approx(2 ** (2 / depth - 1))


def test_large_steps_undo_winner_take_all_only_where_sharing_flattens_the_minimum():
    small = SWEEP | {"solver": "gradient_descent", "imbalance": 0.0, "init_mean": 0.3, "init_sd": 0.003}
    for depth, large_share in ((2, 0.0), (4, 0.5)):
        edge = 2 / (depth * 10 ** (2 - 2 / depth))
        for step, share in ((0.9, 0.0), (1.5, large_share)):
            rate = step * edge
            time = {"epochs": round(30 / rate), "duration": round(1 / rate), "record_every": round(30 / rate)}
            dataset = simulate_scalar(small | {"depth": depth, "learning_rate": rate} | time)
            np.testing.assert_allclose(dataset["share"].sel(pathway="b"), share, atol=0.03)


def test_sweeps_keep_what_portraits_keep_but_the_portrait():
    portrait, sweep = (simulate_scalar(PORTRAIT | {"portrait": portrait}) for portrait in (True, False))
    assert set(portrait.data_vars) - set(sweep.data_vars) == {"path", "path_epoch", "flow"}
    xr.testing.assert_allclose(portrait[list(sweep.data_vars)], sweep, atol=1e-12)


def test_shares_add_up_and_impairment_is_what_the_gated_pathway_lost():
    deprived, free = (simulate_scalar(SWEEP | {"duration": duration, "n_pathways": 3}) for duration in (15, 0))
    np.testing.assert_allclose(deprived["share"].sum("pathway"), 1)
    lost = free["share"].sel(pathway="b") - deprived["share"].sel(pathway="b")
    np.testing.assert_allclose(deprived["impairment"], lost, atol=1e-7)
    np.testing.assert_array_equal(free["impairment"], 0)
    assert (lost > 0.03).all()


def test_a_deficit_that_lasts_for_all_of_training_harms():
    whole = simulate_scalar(SWEEP | {"duration": SWEEP["epochs"]})
    long = simulate_scalar(SWEEP | {"duration": SWEEP["epochs"] - 1})
    assert long["impairment"].min() > 0.1
    np.testing.assert_allclose(whole["impairment"], long["impairment"], atol=0.01)


def test_all_that_gating_does_is_to_set_the_clock_back():
    """Clocks, the integral of dp / q^(D-1), of the pathways end as far apart as the error summed over the deficit."""
    depth, rate, duration = 3, 1e-4, 500
    cell = SWEEP | {"depth": depth, "learning_rate": rate, "epochs": 40_000, "n_trajectories": 1, "init_sd": 0.0}
    dataset = simulate_scalar(cell | {"duration": duration, "record_every": 10}).isel(trajectory=0, mode=0)
    strengths = dataset["pathway_singular_value"]
    error = 10 - strengths.sum("pathway").sel(epoch=slice(0, duration))
    missed = rate * np.trapezoid(error.values, error["epoch"])
    a, b = (float(scales(strengths.isel(epoch=-1).sel(pathway=name).item(), depth, 1.0)[0]) for name in "ab")
    assert integrate.quad(lambda p: 1 / (1 + p * p), b, a)[0] == pytest.approx(missed, rel=1e-5)


def test_the_last_pathway_may_start_larger_or_be_deeper():
    plain = SWEEP | {"imbalance": 0.0, "init_mean": 0.3, "init_sd": 0.0, "duration": 0, "epochs": 10_000}
    for handicap in (0.8, 1.5):
        share = simulate_scalar(plain | {"init_handicap": handicap})["share"].sel(pathway="b")
        # At depth 2 both grow by the same factor, K = p^2.
        np.testing.assert_allclose(share, handicap**2 / (1 + handicap**2), rtol=1e-5)
    deeper = simulate_scalar(plain | {"depth_handicap": 1, "portrait": True})
    assert (deeper["share"].sel(pathway="b") < 0.2).all()
    model = ScalarPathways(np.array([2, 3])[:, None], ("trajectory",))
    initial = initial_scales(np.full((2, 1), 0.3), 0.0)
    alone = flow(model, initial, [normal(10_000, 10.0)], 0.001).trajectory["pathway_singular_value"]
    np.testing.assert_allclose(
        deeper["pathway_singular_value"].isel(epoch=-1, mode=0, trajectory=0),
        alone.isel(epoch=-1, trajectory=0),
        rtol=1e-5,
    )


def test_pathways_take_turns_being_gated():
    windows = gating(SWEEP | {"n_pathways": 3, "onset": 10, "duration": 25, "alternate_every": 10, "plasticity": 0.2})
    assert [(window.onset, window.duration, window.plasticity) for window in windows] == [
        (10, 10, {"b": 0.2}),
        (20, 10, {"c": 0.2}),
        (30, 5, {"a": 0.2}),
    ]
    fast, slow = (
        simulate_scalar(SWEEP | {"depth": 4, "duration": 100, "alternate_every": turn})["impairment"].mean().item()
        for turn in (2, 50)
    )
    assert abs(fast) < 0.1 * slow


def test_a_patch_on_the_winner_lets_the_deprived_pathway_recover_and_gating_does_not():
    gated = SWEEP | {"depth": 3, "duration": 100, "epochs": 4000, "record_every": 4000, "init_sd": 0.0}
    patched = gated | {"lesioned_pathway": "a", "lesion_onset": 500, "lesion_duration": 1000}
    assert (simulate_scalar(gated)["share"].sel(pathway="b") < 0.05).all()
    dataset = simulate_scalar(patched)
    np.testing.assert_allclose(dataset["share"].sel(pathway="b"), 0.5, atol=0.02)
    again = simulate_scalar(patched | {"record_every": 1})
    learned = again["pathway_singular_value"].sel(pathway="b").isel(mode=0, trajectory=0)
    first = int(learned["epoch"][learned.values >= 5][0]) - 500
    np.testing.assert_allclose(dataset["recovery_epochs"], first, atol=1)
    later = simulate_scalar(patched | {"lesion_onset": 2000})
    np.testing.assert_allclose(later["recovery_epochs"], dataset["recovery_epochs"], atol=1)
    short = simulate_scalar(patched | {"lesion_duration": 20})
    assert np.isnan(short["recovery_epochs"]).all()
    assert (short["share"].sel(pathway="b") < 0.2).all()
    to_the_end = simulate_scalar(patched | {"lesion_duration": None})
    assert (to_the_end["pathway_singular_value"].isel(epoch=-1).sel(pathway="a") == 0).all()
    assert (to_the_end["share"].sel(pathway="a") > 0.4).all(), "what is lesioned is not unlearned"


# The dataset


def test_scalar_pathways_never_load_torch():
    """Loading torch takes longer than a figure's worth of trajectories."""
    code = f"""
import sys
sys.path[:] = {sys.path}
from critical_periods.execution.jobs import run_batches
from critical_periods.execution.logs import log_to
from critical_periods.models.pathways.simulation.simulate_scalar import simulate_scalar
for parameters in {[PORTRAIT, SMALL_INIT | {"epochs": 1000, "record_every": 100}]}:
    run_batches("scalar_pathways", {{"cell": parameters}}, simulate_scalar)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_path_is_resolved_however_short_the_learning():
    """At depth 4 learning takes some thirty of a million epochs; the path has no gap all the same."""
    dataset = simulate_scalar(SMALL_INIT | {"depth": 4})
    path = dataset["path"].isel(trajectory=0)
    lengths = np.linalg.norm(path.diff("point").values, axis=-1)
    assert lengths.max() < 1.05 * lengths.min()
    assert lengths.max() < 0.1
    np.testing.assert_allclose(path.isel(point=-1).sum(), 10, atol=1e-6)
    assert (dataset["path_epoch"].diff("point") >= 0).all()
    assert float(dataset["imbalance_drift"].max()) < 1e-10


def test_the_record_keeps_to_its_epochs_whatever_the_deficit():
    for onset, duration in ((0, 15), (103, 7)):
        dataset = simulate_scalar(PORTRAIT | {"onset": onset, "duration": duration})
        np.testing.assert_array_equal(dataset["epoch"], np.arange(0, 1001, 50))
        assert dataset["pathway_singular_value"].dims == ("epoch", "pathway", "trajectory", "mode")


def test_flow_and_trajectories_share_their_directions():
    """Away from the deficit, a trajectory runs along the arrows drawn behind it."""
    dataset = simulate_scalar(PORTRAIT | {"depth": 5, "duration": 0, "n_trajectories": 3})
    path = dataset["path"].values[10:150:20]
    step = dataset["path"].values[11:151:20] - path
    arrows = np.moveaxis(flow_field(np.moveaxis(path, 1, 0), 10.0, 5, 1.0), 0, 1)
    cosine = (step * arrows).sum(1) / np.linalg.norm(step, axis=1) / np.linalg.norm(arrows, axis=1)
    assert cosine.min() > 0.995


def test_a_sweep_of_depths_and_initial_values_is_one_array():
    depth = np.arange(2, 12)[:, None]
    model = ScalarPathways(depth[None], ("depth", "trajectory"))
    initial = initial_scales(np.broadcast_to(np.linspace(0.01, 0.5, 7), (2, 10, 7)), 1.0)
    final = gradient_descent(model, initial, [normal(3000, 3.0)], learning_rate=0.002, record_every=3000).trajectory
    np.testing.assert_allclose(final["pathway_singular_value"].isel(epoch=-1).sum("pathway"), 3.0, rtol=1e-6)


def test_a_start_and_a_depth_for_each_pathway_are_those_of_the_equations():
    starts, depth, rate = [[0.1, 0.2], [0.3, -0.1]], np.array([2, 4]), 0.01
    given = SMALL_INIT | {"depth": [2, 4], "imbalance": 1.0, "init_mean": 0.0, "init_p": starts, "n_trajectories": 2}
    given |= {"epochs": 2000, "record_every": 2000, "duration": 0, "rtol": 1e-10, "atol": 1e-12}
    found = simulate_scalar(given)["pathway_singular_value"].isel(mode=0)

    def rates(_time, y):
        p, q = y.reshape(2, 2)
        error = given["singular_value"] - (p * q ** (depth - 1)).sum()
        return error * np.concatenate([q ** (depth - 1), p * q ** (depth - 2)])

    for trajectory, start in enumerate(starts):
        initial = np.concatenate([start, np.sqrt(1 + np.square(start))])
        end = integrate.solve_ivp(rates, (0, 2000 * rate), initial, "LSODA", rtol=1e-10, atol=1e-12).y[:, -1]
        expected = [scale[:2] * scale[2:] ** (depth - 1) for scale in (initial, end)]
        np.testing.assert_allclose(found[:, :, trajectory], expected, rtol=1e-7)
