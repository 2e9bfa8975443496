import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from critical_periods.models.factorization import Factorization, imbalance, initial_weights, product
from critical_periods.schedules import Phase, Task
from critical_periods.solvers import gradient_descent
from critical_periods.tasks import low_rank_matrix, observation_mask, random_stream


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


def autograd(weights, phase):
    """Gradient of eq 9 as torch derives it from the loss written out."""
    leaves = [weight.clone().requires_grad_() for weight in weights]
    mask, target = torch.as_tensor(phase.task.mask), torch.as_tensor(phase.task.target)
    matrix = leaves[0]
    for weight in leaves[1:]:
        matrix = weight @ matrix
    loss = 0.5 * ((matrix - target)[..., mask] ** 2).mean(-1)
    loss.sum().backward()
    return loss.detach(), [leaf.grad for leaf in leaves]


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("runs", [None, 3])
def test_gradient_equals_autograd(depth, runs):
    weights, phase = problem(depth=depth, runs=runs)
    model = Factorization(None if runs is None else "run")
    loss, expected = autograd(weights, phase)
    np.testing.assert_allclose(model.loss(weights, phase), loss, rtol=1e-12)
    for slope, reference in zip(model.gradient(weights, phase), expected, strict=True):
        assert (slope - reference).abs().max() <= 1e-6 * reference.abs().max()


@settings(max_examples=30, deadline=None)
@given(
    size=st.integers(2, 12),
    depth=st.integers(1, 5),
    runs=st.sampled_from([None, 1, 4]),
    seed=st.integers(0, 10**6),
    data=st.data(),
)
def test_one_update_is_one_step_along_the_gradient(size, depth, runs, seed, data):
    n_observed = data.draw(st.integers(1, size**2))
    weights, phase = problem(size, depth, seed, runs, n_observed)
    _, slopes = autograd(weights, phase)
    moved = [weight.clone() for weight in weights]
    Factorization(None if runs is None else "run").descent(moved, phase, 0.3)(1)
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
