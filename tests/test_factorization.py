import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from critical_periods.dynamics.random_streams import random_stream
from critical_periods.dynamics.schedules import Phase, Task
from critical_periods.dynamics.trajectories import DivergedError, SolverError
from critical_periods.models.matrix_completion.simulation import landscape as factorization
from critical_periods.models.matrix_completion.simulation.landscape import (
    Factorization,
    descending_singular_values,
    imbalance,
    initial_weights,
    largest_curvature,
    product,
)
from critical_periods.models.matrix_completion.simulation.tasks import low_rank_matrix, observation_mask
from critical_periods.solvers import gradient_descent


def problem(size=8, depth=3, seed=0, runs=None, n_observed=30):
    """Weights far from the origin, so that no product of them is negligible, and a task."""
    generator = np.random.default_rng(seed)
    shape = (size, size) if runs is None else (runs, size, size)
    weights = [torch.as_tensor(generator.standard_normal(shape) / size**0.5) for _ in range(depth)]
    task = Task(
        low_rank_matrix(size, 2, random_stream(seed, "final_matrix")),
        observation_mask(size, n_observed, random_stream(seed, "observations")),
    )
    return weights, Phase("final", 10, task)


FUNCTIONS = {"linear": lambda x: x, "tanh": torch.tanh, "relu": torch.relu}
activations = pytest.mark.parametrize("activation", FUNCTIONS)


def loss_by_hand(weights, phase, activation="linear"):
    """Loss of eq 9 written out, for torch to differentiate."""
    mask, target = torch.as_tensor(phase.task.mask), torch.as_tensor(phase.task.target)
    matrix = weights[0]
    for weight in weights[1:]:
        matrix = weight @ FUNCTIONS[activation](matrix)
    return 0.5 * ((matrix - target)[..., mask] ** 2).mean(-1)


def autograd(weights, phase, activation="linear"):
    """Loss of eq 9 and its gradient as torch derives it."""
    leaves = [weight.clone().requires_grad_() for weight in weights]
    loss = loss_by_hand(leaves, phase, activation)
    loss.sum().backward()
    return loss.detach(), [leaf.grad for leaf in leaves]


@activations
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("runs", [None, 3])
def test_gradient_equals_autograd(depth, runs, activation):
    weights, phase = problem(depth=depth, runs=runs)
    model = Factorization(None if runs is None else "run", activation=activation)
    loss, expected = autograd(weights, phase, activation)
    np.testing.assert_allclose(model.loss(weights, phase), loss, rtol=1e-12)
    bound = [torch.empty_like(weight) for weight in weights]
    model.bind_gradient(weights, phase)(weights, bound)
    for slopes in (model.gradient(weights, phase), bound):
        for slope, reference in zip(slopes, expected, strict=True):
            assert (slope - reference).abs().max() <= 1e-6 * reference.abs().max()


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(2, 12),
    depth=st.integers(1, 5),
    runs=st.sampled_from([None, 1, 4]),
    activation=st.sampled_from(list(FUNCTIONS)),
    seed=st.integers(0, 10**6),
    data=st.data(),
)
def test_one_update_is_one_step_along_the_gradient(size, depth, runs, activation, seed, data):
    n_observed = data.draw(st.integers(1, size**2))
    weights, phase = problem(size, depth, seed, runs, n_observed)
    _, slopes = autograd(weights, phase, activation)
    moved = [weight.clone() for weight in weights]
    Factorization(None if runs is None else "run", activation=activation).descent(moved, phase, 0.3)(1)
    for before, after, slope in zip(weights, moved, slopes, strict=True):
        torch.testing.assert_close(after, before - 0.3 * slope, rtol=1e-10, atol=1e-12)


def test_runs_of_a_batch_may_have_tasks_of_their_own():
    weights, _ = problem(runs=2)
    tasks = [problem(seed=seed, n_observed=20 + seed)[1].task for seed in (1, 2)]
    both = Task(np.stack([task.target for task in tasks]), np.stack([task.mask for task in tasks]))
    slopes = Factorization("run").gradient(weights, Phase("final", 1, both))
    for run, task in enumerate(tasks):
        alone = Factorization().gradient([weight[run] for weight in weights], Phase("final", 1, task))
        for slope, reference in zip(slopes, alone, strict=True):
            torch.testing.assert_close(slope[run], reference)


@activations
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("together", [1, 2, 5])
def test_a_batch_is_trained_as_its_runs_are_whatever_fits_the_cache(depth, together, activation, monkeypatch):
    weights, _ = problem(depth=depth, runs=5)
    tasks = [problem(seed=seed, n_observed=20 + seed)[1].task for seed in range(5)]
    phase = Phase("final", 1, Task(np.stack([t.target for t in tasks]), np.stack([t.mask for t in tasks])))
    alone = [[weight[run].clone() for weight in weights] for run in range(5)]
    for run, task in enumerate(tasks):
        Factorization(activation=activation).descent(alone[run], Phase("final", 1, task), 0.1)(3)
    monkeypatch.setattr(factorization, "CACHED_BYTES", together * (3 * depth + 1) * weights[0][0].nbytes)
    Factorization("run", activation=activation).descent(weights, phase, 0.1)(3)
    for layer, weight in enumerate(weights):
        for run in range(5):
            torch.testing.assert_close(weight[run], alone[run][layer], rtol=1e-12, atol=1e-14)


def test_depth_one_leaves_unobserved_entries_untouched():
    weights, phase = problem(depth=1)
    (final,) = gradient_descent(Factorization(), weights, [phase], learning_rate=2.0, record_every=5).final
    unobserved = ~torch.as_tensor(phase.task.mask)
    assert torch.equal(final[unobserved], weights[0][unobserved])
    assert not torch.any(final[~unobserved] == weights[0][~unobserved])


@pytest.mark.parametrize("init_scale", [0.1, 0.001])
def test_size_of_the_initial_product_does_not_depend_on_depth(init_scale):
    for depth in (1, 2, 3, 4):
        norms = [
            torch.linalg.norm(
                product(
                    [torch.as_tensor(w) for w in initial_weights(depth, 60, init_scale, random_stream(s, "weights"))]
                )
            )
            for s in range(20)
        ]
        # every entry has variance init_scale^2 / n, so |W(0)|_F = init_scale n^(1/2) on average
        assert np.mean(norms) == pytest.approx(init_scale * 60**0.5, rel=0.05)


def drift(learning_rate, time=100.0):
    """Largest change of W_(j+1)^T W_(j+1) - W_j W_j^T over the same stretch of time."""
    weights = [torch.as_tensor(w) for w in initial_weights(3, 10, 0.5, random_stream(0, "weights"))]
    task = problem(10)[1].task
    phase = Phase("final", round(time / learning_rate), task)
    final = gradient_descent(Factorization(), weights, [phase], learning_rate=learning_rate, record_every=1000).final
    changes = [
        (above.mT @ above - below @ below.mT) - (above0.mT @ above0 - below0 @ below0.mT)
        for below, above, below0, above0 in zip(final[:-1], final[1:], weights[:-1], weights[1:], strict=True)
    ]
    return max(change.abs().max().item() for change in changes)


def test_balancedness_drifts_in_proportion_to_the_learning_rate():
    coarse, medium, fine = drift(0.4), drift(0.2), drift(0.1)
    assert coarse > 1e-4
    assert coarse / medium == pytest.approx(2, rel=0.15)
    assert medium / fine == pytest.approx(2, rel=0.15)


def test_balancedness_is_recorded_on_request():
    weights, phase = problem()
    assert "balancedness" not in Factorization().observe(weights, phase)
    recorded = Factorization(balancedness=True).observe(weights, phase)["balancedness"][1]
    by_hand = max((b.T @ b - a @ a.T).abs().max() for a, b in [(weights[0], weights[1]), (weights[1], weights[2])])
    assert recorded == pytest.approx(by_hand.item())
    assert imbalance(weights[:1]) == 0


def test_reconstruction_error_counts_unobserved_entries_too():
    weights, phase = problem()
    matrix = product(weights).numpy()
    observations = Factorization(n_singular_values=3).observe(weights, phase)
    assert observations["reconstruction_error"][1] == pytest.approx(np.mean((matrix - phase.task.target) ** 2))
    np.testing.assert_allclose(
        observations["singular_value"][1], np.linalg.svd(matrix, compute_uv=False)[:3], rtol=1e-10
    )


def test_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="activation = 'sine'; allowed: linear, tanh, relu"):
        Factorization(activation="sine")


@activations
def test_product_is_what_the_loss_compares_with_the_target(activation):
    weights, phase = problem(runs=2)
    model = Factorization("run", activation=activation)
    residual = product(weights, activation).numpy() - phase.task.target
    np.testing.assert_allclose(model.loss(weights, phase), 0.5 * (residual[:, phase.task.mask] ** 2).mean(-1))
    error = model.observe(weights, phase)["reconstruction_error"][1]
    np.testing.assert_allclose(error, (residual**2).mean((-2, -1)))


@activations
@pytest.mark.parametrize("runs", [None, 2])
def test_sharpness_is_the_largest_eigenvalue_of_the_hessian(activation, runs):
    weights, phase = problem(size=5, runs=runs, n_observed=12)
    model = Factorization(None if runs is None else "run", activation=activation, sharpness=True)
    sharpness = np.atleast_1d(model.observe(weights, phase)["sharpness"][1])
    for run, value in enumerate(sharpness):
        point = torch.cat([(weight if runs is None else weight[run]).flatten() for weight in weights])

        def loss(vector):
            return loss_by_hand(list(vector.view(len(weights), 5, 5)), phase, activation)

        expected = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, point))[-1]
        assert value == pytest.approx(expected.item(), rel=1e-3)


def test_sharpness_is_the_step_beyond_which_gradient_descent_is_unstable():
    weights, phase = problem(size=6, depth=2)
    (minimum,) = gradient_descent(
        Factorization(), weights, [Phase("final", 4000, phase.task)], learning_rate=1, record_every=4000
    ).parameters.values()
    edge = 2 / largest_curvature(Factorization(), minimum, phase)
    generator = torch.Generator().manual_seed(0)
    shaken = [weight + 1e-6 * torch.randn(6, 6, generator=generator, dtype=torch.float64) for weight in minimum]

    def loss_after(learning_rate):
        phases = [Phase("final", 300, phase.task)]
        run = gradient_descent(Factorization(), shaken, phases, learning_rate=learning_rate, record_every=300)
        return run.trajectory["train_loss"].values

    start, below = loss_after(0.9 * edge)
    assert below < start
    assert loss_after(1.1 * edge)[-1] > 100 * start


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_singular_values_are_right_to_the_precision_of_the_matrix(dtype):
    generator = torch.Generator().manual_seed(0)
    expected = torch.logspace(1, -8, 40, dtype=torch.float64).repeat(2, 1)
    left, right = torch.linalg.qr(torch.randn(2, 2, 40, 40, dtype=torch.float64, generator=generator))[0]
    matrix = (left * expected[:, None, :] @ right.mT).to(dtype)
    found = descending_singular_values(matrix)
    assert found.dtype == dtype
    assert found.shape == (2, 40)
    assert (found.diff(dim=-1) <= 0).all()
    # Rounding the entries alone moves singular values by as much as this, times the largest one.
    assert (found - expected).abs().max() <= 10 * torch.finfo(dtype).eps * expected.max()
    assert (descending_singular_values(matrix * 0) == 0).all()


def test_diagnostics_tell_what_w_shares_with_a_task():
    generator = np.random.default_rng(0)
    u, v = np.linalg.qr(generator.standard_normal((2, 8, 8)))[0]
    matrix = torch.as_tensor(u @ np.diag([4, 4, 4, 4, 0, 0, 0, 0]) @ v.T)
    references = {"all": (u[:, :4], v[:, :4]), "none": (u[:, 6:], v[:, 6:]), "left": (u[:, :4], v[:, 4:])}
    model = Factorization("run", references=references)
    observed = model.observe([torch.stack([matrix, matrix])], problem()[1])
    np.testing.assert_allclose(observed["effective_rank"][1], [4, 4])
    np.testing.assert_allclose(observed["nuclear_norm"][1], [16, 16])
    assert observed["alignment"][0] == ("run", "task")
    np.testing.assert_allclose(observed["alignment"][1], [[1, 0, 0.5]] * 2, atol=1e-12)


@pytest.mark.parametrize("convert", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_alignment_counts_no_vectors_that_rounding_decides(convert, dtype):
    """W has two singular vectors, one in the span of the task's four; any others would do for the rest."""
    u, v = np.linalg.qr(np.random.default_rng(0).standard_normal((2, 30, 30)))[0]
    model = Factorization(references={"task": (u[:, :4], v[:, :4])})
    phase = Phase("final", 1, Task(np.eye(30)))

    def alignment(*scales):
        chosen = [0, 4][: len(scales)]
        layers = [np.zeros((30, 30), dtype) for _ in range(2)]
        layers[0][: len(scales)], layers[1][:, : len(scales)] = v[:, chosen].T, u[:, chosen] * scales
        return model.observe([convert(layer) for layer in layers], phase)["alignment"][1]

    np.testing.assert_allclose(alignment(3.0, 2.0), [0.5], atol=1e-5)
    np.testing.assert_allclose(alignment(3.0), [1], atol=1e-5)
    with np.errstate(invalid="ignore"):
        assert np.isnan(alignment()).all()


def test_diagnostics_are_recorded_on_request():
    weights, phase = problem()
    names = {"effective_rank", "nuclear_norm", "alignment", "sharpness"}
    assert not names & Factorization().observe(weights, phase).keys()


def test_relu_units_that_a_large_step_kills_end_training_with_a_word():
    """Their weights are huge and finite, their output 0, and the loss that of W = 0: nothing else would tell."""
    weights, phase = problem()
    for learning_rate in (60, 1000):
        with pytest.raises(
            DivergedError, match=r"all units are dead by epoch \d+ \(phase 'final'\).*smaller learning"
        ):
            gradient_descent(
                Factorization(activation="relu", sharpness=True),
                weights,
                [phase],
                learning_rate=learning_rate,
                record_every=1,
            )


def test_a_network_is_dead_only_where_nothing_can_move_it():
    weights, phase = problem(depth=2)
    zero = [torch.zeros_like(weight) for weight in weights]
    alive = [weights, [weights[0], zero[1]], [zero[0], weights[1]]]
    assert [bool(Factorization().observe(layers, phase)["dead"][1]) for layers in [*alive, zero]] == [
        False,
        False,
        False,
        True,
    ]
    assert not Factorization().observe(zero[:1], phase)["dead"][1]
    nothing = Phase("nothing", 1, Task(np.zeros((8, 8)), phase.task.mask))
    assert not Factorization().observe(zero, nothing)["dead"][1]
    batch = [torch.stack(layers) for layers in zip(weights, zero, strict=True)]
    np.testing.assert_array_equal(Factorization("run").observe(batch, phase)["dead"][1], [False, True])


def test_a_flat_loss_has_no_sharpness():
    weights, phase = problem(depth=3)
    assert largest_curvature(Factorization(), [torch.zeros_like(weight) for weight in weights], phase) == 0


def test_a_curvature_that_cannot_be_computed_is_reported_in_one_line():
    weights, phase = problem(depth=2)
    with pytest.raises(SolverError, match="sharpness in phase 'final': ARPACK") as refused:
        largest_curvature(Factorization(), [1e200 * weight for weight in weights], phase)
    assert str(refused.value).isprintable()
