"""Gradient flow against gradient descent, exact solutions, and its own contract."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from critical_periods.dynamics.precision import PRECISIONS
from critical_periods.dynamics.random_streams import random_stream
from critical_periods.dynamics.schedules import Phase, Task
from critical_periods.dynamics.trajectories import DivergedError, SolverError
from critical_periods.models.matrix_completion.simulation.landscape import Factorization, initial_weights
from critical_periods.models.matrix_completion.simulation.tasks import low_rank_matrix, observation_mask
from critical_periods.models.pathways.simulation.scalar import ScalarPathways
from critical_periods.solvers import gradient_descent, gradient_flow
from critical_periods.solvers.gradient_flow import METHODS
from critical_periods.solvers.shared.chebyshev import Chebyshev
from critical_periods.solvers.shared.shadow import Shadowed

SIZE = 8


def problem(depth, dtype=torch.float64, scale=0.1):
    final = low_rank_matrix(SIZE, 2, random_stream(1, "final_matrix"))
    other = low_rank_matrix(SIZE, 3, random_stream(1, "pretrain_matrix"))
    mask = observation_mask(SIZE, 40, random_stream(1, "observations"))
    weights = initial_weights(depth, SIZE, scale, random_stream(1, "weights"))
    schedule = [Phase("pretrain", 60, Task(other, mask)), Phase("final", 90, Task(final, mask))]
    return [torch.tensor(weight, dtype=dtype) for weight in weights], schedule


def largest_difference(one, other):
    return float(np.abs(one.trajectory.singular_value - other.trajectory.singular_value).max())


@dataclass(frozen=True)
class Quadratic:
    """Loss 1/2 rate (w - target)^2, so that w(t) - target decays as exp(-rate t)."""

    rate: float = 1.0
    dims: tuple[str, ...] = ()

    def loss(self, parameters, phase):
        return 0.5 * self.rate * np.square(parameters[0] - phase.task.target).sum()

    def gradient(self, parameters, phase):
        return [self.rate * (parameters[0] - phase.task.target)]

    def observe(self, parameters, phase):
        return {"train_loss": (self.dims, self.loss(parameters, phase)), "weight": (("entry",), parameters[0])}


@pytest.mark.parametrize("method", ["RKC", "RK23", "RK45", "DOP853"])
def test_exponential_decay_through_a_switch_matches_the_exact_solution(method):
    schedule = [Phase("one", 10, Task(np.array([1.0, 2.0]))), Phase("two", 17, Task(np.array([-1.0, 0.0])))]
    solution = gradient_flow(
        Quadratic(), [np.zeros(2)], schedule, learning_rate=0.1, record_every=3, rtol=1e-8, atol=1e-10, method=method
    )
    epoch = solution.trajectory.epoch.values
    at_switch = 1 - np.exp(-0.1 * 10)
    first = 1 - np.exp(-0.1 * epoch)
    second = -1 + (at_switch + 1) * np.exp(-0.1 * (epoch - 10))
    np.testing.assert_allclose(solution.trajectory.weight[:, 0], np.where(epoch < 10, first, second), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_records_what_gradient_descent_records(dtype):
    weights, schedule = problem(3, dtype)
    common = {"learning_rate": 0.2, "record_every": 7, "keep": [0, 33, 60]}
    descent = gradient_descent(Factorization(), weights, schedule, **common)
    flow = gradient_flow(Factorization(), weights, schedule, **common)
    assert list(flow.trajectory.data_vars) == list(descent.trajectory.data_vars)
    np.testing.assert_array_equal(flow.trajectory.epoch, descent.trajectory.epoch)
    np.testing.assert_array_equal(flow.trajectory.phase, descent.trajectory.phase)
    assert flow.parameters.keys() == descent.parameters.keys()
    assert {kept.dtype for weights in flow.parameters.values() for kept in weights} == {dtype}
    assert flow.trajectory.singular_value.dtype == descent.trajectory.singular_value.dtype
    assert flow.trajectory.singular_value.attrs == descent.trajectory.singular_value.attrs


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_flow_is_the_limit_of_gradient_descent(depth):
    """The gap between the two is of first order in the step."""
    weights, schedule = problem(depth)
    gaps = []
    for shrink in (1, 2, 4):
        phases = [Phase(phase.name, phase.epochs * shrink, phase.task) for phase in schedule]
        common = {"learning_rate": 0.4 / shrink, "record_every": 30 * shrink}
        descent = gradient_descent(Factorization(), weights, phases, **common)
        flow = gradient_flow(Factorization(), weights, phases, rtol=1e-10, atol=1e-12, method="DOP853", **common)
        gaps.append(np.abs(descent.final[0] - flow.final[0]).max())
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.25)
    assert gaps[1] / gaps[2] == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_shadowing_follows_gradient_descent_to_second_order(depth):
    """Halving the step quarters the difference."""
    weights, schedule = problem(depth)
    gaps = []
    for shrink in (1, 2, 4):
        phases = [Phase(phase.name, phase.epochs * shrink, phase.task) for phase in schedule]
        common = {"learning_rate": 0.4 / shrink, "record_every": 30 * shrink}
        descent = gradient_descent(Factorization(), weights, phases, **common)
        shadow = gradient_flow(
            Shadowed(Factorization()), weights, phases, rtol=1e-11, atol=1e-13, method="DOP853", **common
        )
        gaps.append(np.abs(descent.final[0] - shadow.final[0]).max())
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.3)
    assert gaps[1] / gaps[2] == pytest.approx(4, rel=0.2)


def test_batched_runs_equal_single_runs():
    weights, (_, final) = problem(2)
    starts = [[scale * weight for weight in weights] for scale in (0.5, 1.0, 3.0)]
    batch = [torch.stack(layers) for layers in zip(*starts, strict=True)]
    common = {"learning_rate": 0.2, "record_every": 20}
    together = gradient_flow(Factorization("run"), batch, [final], **common)
    evaluations = 0
    for run, start in enumerate(starts):
        alone = gradient_flow(Factorization(), start, [final], **common)
        evaluations += alone.trajectory.gradient_evaluations
        np.testing.assert_allclose(
            together.trajectory.singular_value.isel(run=run), alone.trajectory.singular_value, atol=1e-12
        )
        torch.testing.assert_close(together.final[1][run], alone.final[1])
    assert together.trajectory.gradient_evaluations == evaluations


def test_runs_of_a_batch_keep_their_own_targets():
    weights, (first, second) = problem(2)
    target = np.stack([first.task.target, second.task.target])
    mask = np.stack([first.task.mask, second.task.mask])
    batch = [torch.stack([weight, weight]) for weight in weights]
    common = {"learning_rate": 0.2, "record_every": 20}
    apart = gradient_flow(Factorization("run"), batch, [Phase("both", 50, Task(target, mask))], **common)
    whole = gradient_flow(
        Factorization("run"), batch, [Phase("both", 50, Task(target, mask))], run_by_run=False, rtol=1e-6, **common
    )
    np.testing.assert_allclose(apart.trajectory.train_loss, whole.trajectory.train_loss, rtol=0.02)
    assert apart.trajectory.reconstruction_error.dims == whole.trajectory.reconstruction_error.dims


def test_reports_every_gradient_evaluation():
    class Counting(Quadratic):
        calls = 0

        def gradient(self, parameters, phase):
            type(self).calls += 1
            return super().gradient(parameters, phase)

    solution = gradient_flow(
        Counting(),
        [np.zeros(2)],
        [Phase("one", 50, Task(np.ones(2)))],
        learning_rate=0.1,
        record_every=5,
    )
    assert solution.trajectory.gradient_evaluations == Counting.calls > 0


def test_an_integrator_that_gives_up_is_reported_with_epoch_and_reason():
    class Singular(Quadratic):
        def gradient(self, parameters, phase):
            return [-np.square(parameters[0])]

        def loss(self, parameters, phase):
            return 1.0

    with pytest.raises(SolverError, match=r"gave up at epoch (0\.99|1).* of phase 'blow-up' .*step size"):
        gradient_flow(
            Singular(), [np.ones(1)], [Phase("blow-up", 3, Task(np.ones(1)))], learning_rate=1.0, record_every=1
        )


def test_divergence_is_reported():
    class Runaway(Quadratic):
        def gradient(self, parameters, phase):
            return [-parameters[0]]

    with pytest.raises(DivergedError, match="epoch"):
        gradient_flow(
            Runaway(), [np.ones(1)], [Phase("one", 50, Task(np.zeros(1)))], learning_rate=1.0, record_every=1
        )


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        ({"method": "RKC2"}, r"allowed: RKC or RK23.*\(did you mean RKC\?\)"),
        ({"rtol": 0.0}, "rtol = 0.0; allowed: number, above 0, at most 0.1"),
        ({"atol": -1.0}, "atol = -1.0; allowed: number, above 0, at most 0.1"),
        ({"momentum": 0.5}, "momentum.*; allowed: .*method"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0; allowed: above 0"),
    ],
)
def test_bad_settings_are_refused_with_what_is_allowed(setting, allowed):
    with pytest.raises(ValueError, match=allowed):
        gradient_flow(
            Quadratic(),
            [np.ones(1)],
            [Phase("one", 5, Task(np.zeros(1)))],
            **{"learning_rate": 1.0, "record_every": 1} | setting,
        )


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("batched", [False, True])
def test_bound_gradient_equals_the_gradient(depth, batched):
    weights, (phase, _) = problem(depth)
    if batched:
        weights = [torch.stack([weight, -2 * weight, weight.mT]) for weight in weights]
    out = [torch.full_like(weight, torch.nan) for weight in weights]
    Factorization("run" if batched else None).bind_gradient(weights, phase)(weights, out)
    for slope, expected in zip(out, Factorization().gradient(weights, phase), strict=True):
        torch.testing.assert_close(slope, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("stages", [2, 5, 17, 60])
def test_chebyshev_stages_are_stable_over_the_spectrum_they_claim(stages):
    """|P_s(z)| <= 1 on [-(s^2 - 1) / 1.54, 0], and P_s(z) = 1 + z + z^2 / 2 + O(z^3) for second order."""
    reach = (stages**2 - 1) / 1.54

    def amplified(z):
        z = torch.as_tensor(z, dtype=torch.float64)
        stepper = Chebyshev(lambda y, out: out.copy_(z * y), 0, torch.ones_like(z), 1, 1e-3, 1e-6)
        return stepper._advance(1.0, stages)

    assert float(amplified(np.linspace(-reach, 0, 5000)).abs().max()) <= 1 + 1e-12
    small = np.array([-0.01, -0.02])
    remainder = amplified(small) - torch.as_tensor(1 + small + small**2 / 2)
    assert bool((remainder.abs().numpy() <= np.abs(small) ** 3 / 6 + 1e-15).all())


def test_chebyshev_needs_far_fewer_gradients_where_the_flow_is_stiff():
    class Spread(Quadratic):
        rate = np.geomspace(1e-3, 1, 40)

        def gradient(self, parameters, phase):
            return [self.rate * (parameters[0] - phase.task.target)]

    def evaluations(method):
        return gradient_flow(
            Spread(),
            [np.zeros(40)],
            [Phase("one", 3000, Task(np.ones(40)))],
            learning_rate=1.0,
            record_every=1000,
            rtol=1e-4,
            method=method,
        ).trajectory.gradient_evaluations

    assert evaluations("RKC") < evaluations("RK23") / 5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("below", ["rtol", "atol"])
def test_tolerances_go_as_far_down_as_the_precision_and_no_further(method, dtype, below):
    """At the bound no method drowns in rounding errors; below it every one is refused."""
    weights, schedule = problem(2, dtype)
    weights = [weight[:4, :4] for weight in weights]
    schedule = [Phase(phase.name, 10, Task(phase.task.target[:4, :4])) for phase in schedule]
    name = str(dtype).removeprefix("torch.")
    bounds = {"rtol": PRECISIONS[name].rtol, "atol": PRECISIONS[name].atol}
    common = {"learning_rate": 0.2, "record_every": 5, "method": method}
    if dtype is torch.float32:  # in float64 methods of low order have every right to take their time
        flow = gradient_flow(Factorization(n_singular_values=4), weights, schedule, **common, **bounds)
        assert flow.trajectory.gradient_evaluations < 1000
    with pytest.raises(ValueError, match=f"{below} = .*; allowed: .* or more in {name}"):
        gradient_flow(Factorization(), weights, schedule, **common, **bounds | {below: 0.9 * bounds[below]})


def test_a_batch_is_cut_into_runs_only_where_the_model_says_that_it_consists_of_them():
    """The first axis of scalar pathways numbers pathways, which compete."""
    model, start = ScalarPathways(4), [np.array([[0.1], [0.2]]), np.array([[0.9], [1.0]])]
    schedule = [Phase("only", 100, Task(np.array([3.0])))]
    common = {"learning_rate": 0.02, "record_every": 50}
    whole = gradient_flow(model, start, schedule, **common, run_by_run=False)
    np.testing.assert_array_equal(gradient_flow(model, start, schedule, **common).final, whole.final)
