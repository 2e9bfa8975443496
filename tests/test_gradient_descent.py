import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_factorization import autograd, problem
from threadpoolctl import threadpool_info, threadpool_limits

from critical_periods.dynamics.schedules import Phase, Window, deficit_schedule
from critical_periods.dynamics.trajectories import DivergedError, recorded_epochs
from critical_periods.models.matrix_completion.simulation.landscape import Factorization
from critical_periods.solvers import gradient_descent


def by_hand(weights, schedule, learning_rate):
    """Plain autograd SGD through a schedule; the weights after every single update."""
    weights = [torch.as_tensor(weight).clone() for weight in weights]
    history = [[weight.clone() for weight in weights]]
    for phase in schedule:
        for _ in range(phase.epochs):
            _, slopes = autograd(weights, phase)
            for weight, slope in zip(weights, slopes, strict=True):
                weight -= learning_rate * slope
            history.append([weight.clone() for weight in weights])
    return history


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_trajectory_equals_plain_autograd_sgd(depth):
    weights, first = problem(depth=depth)
    _, second = problem(depth=depth, seed=1)
    schedule = [first, second]
    history = by_hand(weights, schedule, 0.3)
    solution = gradient_descent(Factorization(), weights, schedule, learning_rate=0.3, record_every=1, keep=range(21))
    for epoch, expected in enumerate(history):
        for weight, reference in zip(solution.parameters[epoch], expected, strict=True):
            torch.testing.assert_close(weight, reference, rtol=1e-9, atol=1e-11)
        phase = schedule[min(epoch // 10, 1)]
        recorded = solution.trajectory["train_loss"].sel(epoch=epoch)
        assert recorded == pytest.approx(autograd(expected, phase)[0].item(), rel=1e-9)


def test_arrays_passed_in_are_not_changed():
    weights, phase = problem()
    before = [weight.clone() for weight in weights]
    gradient_descent(Factorization(), weights, [phase], learning_rate=0.3, record_every=1)
    assert all(torch.equal(weight, copy) for weight, copy in zip(weights, before, strict=True))


def test_result_does_not_depend_on_the_number_of_threads():
    weights, phase = problem(size=150, runs=2, n_observed=5000)
    threads = torch.get_num_threads()
    finals = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            solution = gradient_descent(Factorization("run"), weights, [phase], learning_rate=0.3, record_every=4)
            assert torch.get_num_threads() == count
            finals.append(solution.final)
    finally:
        torch.set_num_threads(threads)
    arrays = [weight.numpy() for weight in weights]
    for count in (1, 2):
        with threadpool_limits(count, "blas"):
            solution = gradient_descent(Factorization("run"), arrays, [phase], learning_rate=0.3, record_every=4)
            assert {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"} == {
                count
            }
        finals.append(solution.final)
    for one, two in (finals[:2], finals[2:]):
        assert all((weight == other).all() for weight, other in zip(one, two, strict=True))


def test_an_epoch_belongs_to_the_phase_that_begins_there():
    weights, phase = problem()
    schedule = deficit_schedule(phase.task, phase.epochs, [Window("deficit", 4, 3)])
    trajectory = gradient_descent(Factorization(), weights, schedule, learning_rate=0.1, record_every=2).trajectory
    assert trajectory["epoch"].values.tolist() == [0, 2, 4, 6, 7, 9, 10]
    assert trajectory["phase"].values.tolist() == ["normal"] * 2 + ["deficit"] * 2 + ["normal"] * 3


@given(
    lengths=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    record_every=st.integers(1, 9),
    data=st.data(),
)
def test_every_epoch_is_visited_once_and_in_order(lengths, record_every, data):
    schedule = [Phase(str(index), length, None) for index, length in enumerate(lengths)]
    end = sum(lengths)
    keep = data.draw(st.lists(st.integers(0, end)))
    visited = [
        (epoch, record) for _, _, stops in recorded_epochs(schedule, record_every, keep) for epoch, record in stops
    ]
    epochs = [epoch for epoch, _ in visited]
    recorded = [epoch for epoch, record in visited if record]
    assert epochs == sorted(epochs)
    assert recorded == sorted(set(recorded))
    assert {0, end} <= set(recorded)
    assert set(keep) <= set(epochs)


def test_divergence_names_epoch_phase_and_loss():
    weights, phase = problem()
    schedule = [Phase("final", 2000, phase.task)]
    with pytest.raises(DivergedError, match=r"diverged by epoch \d+ \(phase 'final'\): training loss (nan|\d)"):
        gradient_descent(Factorization(), weights, schedule, learning_rate=50.0, record_every=10)


def test_divergence_of_one_run_of_a_batch_is_noticed():
    weights, phase = problem(runs=2)
    for weight in weights:
        weight[1] *= 30
    with pytest.raises(DivergedError):
        gradient_descent(Factorization("run"), weights, [phase], learning_rate=0.3, record_every=1)


@pytest.mark.parametrize("keep", [[-1], [11]])
def test_epoch_to_keep_outside_of_training_is_refused(keep):
    weights, phase = problem()
    with pytest.raises(ValueError, match="allowed: 0 to 10"):
        gradient_descent(Factorization(), weights, [phase], learning_rate=0.1, record_every=1, keep=keep)


@pytest.mark.parametrize(("onset", "duration"), [(-1, 2), (9, 2), (0, 11)])
def test_deficit_outside_of_training_is_refused(onset, duration):
    _, phase = problem()
    with pytest.raises(ValueError, match="inside the 10 epochs"):
        deficit_schedule(phase.task, 10, [Window("deficit", onset, duration)])
