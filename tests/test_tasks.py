import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from critical_periods.tasks import STREAMS, low_rank_matrix, observation_mask, random_stream

sizes = st.integers(2, 30)
seeds = st.integers(0, 2**32 - 1)


@given(size=sizes, seed=seeds, data=st.data())
def test_ground_truth_has_its_rank_and_mean_squared_entry_one(size, seed, data):
    rank = data.draw(st.integers(1, size))
    matrix = low_rank_matrix(size, rank, random_stream(seed, "final_matrix"))
    assert np.mean(matrix**2) == pytest.approx(1)
    singular_values = np.linalg.svd(matrix, compute_uv=False)
    assert np.all(singular_values[rank:] < 1e-10 * singular_values[0])
    assert singular_values[rank - 1] > 1e-10 * singular_values[0]


@given(size=sizes, seed=seeds, data=st.data())
def test_observation_sets_of_one_seed_are_nested(size, seed, data):
    fewer, more = sorted(data.draw(st.tuples(st.integers(1, size**2), st.integers(1, size**2))))
    small, large = (observation_mask(size, count, random_stream(seed, "observations")) for count in (fewer, more))
    assert small.sum() == fewer
    assert large.sum() == more
    assert np.all(large[small])


def test_observations_are_spread_evenly():
    counts = sum(observation_mask(10, 20, random_stream(seed, "observations")) for seed in range(2000))
    # 2000 draws of 20 of 100 entries: 400 each, standard deviation 18
    assert np.all(np.abs(counts - 400) < 6 * 18)


def test_streams_of_a_seed_are_independent():
    draws = {name: random_stream(5, name).standard_normal(2000) for name in STREAMS}
    correlations = np.corrcoef(list(draws.values())) - np.eye(len(STREAMS))
    assert np.abs(correlations).max() < 0.1
    assert not np.array_equal(random_stream(5, "weights").random(3), random_stream(6, "weights").random(3))


def test_streams_do_not_depend_on_each_other():
    before = random_stream(1, "weights").random(4)
    random_stream(1, "observations").random(1000)
    np.testing.assert_array_equal(random_stream(1, "weights").random(4), before)


@pytest.mark.parametrize("rank", [0, 6, -1])
def test_impossible_rank_is_refused(rank):
    with pytest.raises(ValueError, match=f"rank = {rank}; allowed: 1 to 5"):
        low_rank_matrix(5, rank, random_stream(0, "final_matrix"))


@pytest.mark.parametrize("count", [0, 26])
def test_impossible_number_of_observations_is_refused(count):
    with pytest.raises(ValueError, match=f"n_observed = {count}; allowed: 1 to 25"):
        observation_mask(5, count, random_stream(0, "observations"))


def test_unknown_stream_is_refused():
    with pytest.raises(ValueError, match="allowed: final_matrix"):
        random_stream(0, "noise")
