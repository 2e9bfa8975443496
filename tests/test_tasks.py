import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import bmat
from scipy.sparse.csgraph import connected_components

from critical_periods.dynamics.random_streams import STREAMS, random_stream
from critical_periods.models.matrix_completion.simulation.tasks import (
    BRIDGES,
    DIGITS_SIZE,
    STRUCTURES,
    digits_matrix,
    low_rank_matrix,
    observation_mask,
    singular_basis,
)

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


def observed(size, count, seed=0, structure="random"):
    return observation_mask(size, count, random_stream(seed, "observations"), structure)


def parts(mask):
    """Connected components of the graph whose nodes are rows and columns and whose edges are observed entries."""
    return connected_components(bmat([[None, mask.astype(int)], [mask.T.astype(int), None]]))[0]


def half_blocks(size):
    block = np.arange(size) * 2 // size
    return block[:, None] == block


@given(size=sizes, seed=seeds, structure=st.sampled_from(["random", "disconnected", "connected"]), data=st.data())
def test_observation_sets_of_one_seed_are_nested(size, seed, structure, data):
    most = size**2 if structure == "random" else int(half_blocks(size).sum())
    fewer, more = sorted(data.draw(st.tuples(st.integers(1, most), st.integers(1, most))))
    small, large = (observed(size, count, seed, structure) for count in (fewer, more))
    assert small.sum() == fewer
    assert large.sum() == more
    assert np.all(large[small])


@given(size=sizes, seed=seeds, data=st.data())
def test_block_diagonal_observations_leave_as_few_outside_as_the_count_needs(size, seed, data):
    count = data.draw(st.integers(1, size**2))
    mask = observed(size, count, seed, "block_diagonal")
    assert mask.sum() == count
    sums = {}
    for blocks in range(1, size + 1):
        block = np.arange(size) * blocks // size
        sums[blocks] = (block[:, None] == block).sum()
    fitting = [blocks for blocks, entries in sums.items() if entries <= count]
    block = np.arange(size) * (min(fitting) if fitting else size) // size
    inside = block[:, None] == block
    assert mask[inside].all() == (count >= inside.sum())
    assert mask[~inside].sum() == max(0, count - inside.sum())


def test_full_blocks_of_a_fifth_hold_a_fifth_of_the_entries():
    mask = observed(100, 2000, 0, "block_diagonal")
    assert parts(mask) == 5
    assert set(mask.sum(axis=0)) == set(mask.sum(axis=1)) == {20}


@given(seed=st.integers(0, 1000))
def test_graph_of_observations_is_connected_or_in_two_parts(seed):
    assert parts(observed(30, 270, seed, "disconnected")) == 2
    mask = observed(30, 270, seed, "connected")
    assert parts(mask) == 1
    assert mask[~half_blocks(30)].sum() == round(BRIDGES * 270)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_structures_have_the_count_asked_for(structure):
    for count in (1, 7, 40, 50):
        assert observed(10, count, 3, structure).sum() == count


@pytest.mark.parametrize("structure", ["disconnected", "connected"])
def test_more_observations_than_two_blocks_hold_are_refused(structure):
    with pytest.raises(ValueError, match="n_observed = 51; allowed: 1 to 50"):
        observed(10, 51, 0, structure)


def test_unknown_structure_is_refused():
    with pytest.raises(ValueError, match="structure = 'spiral'; allowed: random, block_diagonal"):
        observed(10, 5, 0, "spiral")


def another_svd(seed):
    """What other linear algebra may return as a singular value decomposition: other signs, other null vectors."""
    decompose, generator = np.linalg.svd, np.random.default_rng(seed)

    def svd(matrix, compute_uv=True):
        if not compute_uv or matrix.ndim > 2:
            return decompose(matrix, compute_uv=compute_uv)
        left, values, right_transposed = decompose(matrix)
        rank = int((values > 1e-10 * values[0]).sum())
        signs = generator.choice([-1, 1], rank)
        rotations = [np.linalg.qr(generator.standard_normal((len(values) - rank,) * 2))[0] for _ in range(2)]
        left = np.hstack([left[:, :rank] * signs, left[:, rank:] @ rotations[0]])
        right = np.hstack([right_transposed[:rank].T * signs, right_transposed[rank:].T @ rotations[1]])
        np.testing.assert_allclose(left * values @ right.T, matrix, atol=1e-12 * values[0])
        return left, values, right.T

    return svd


def basis(size, rank, seed=0):
    target = low_rank_matrix(size, rank, random_stream(seed, "pretrain_matrix"))
    return target, *singular_basis(target, rank, random_stream(seed, "null_vectors"))


@given(size=sizes, seed=seeds, data=st.data())
def test_singular_basis_is_orthonormal_and_the_matrix_diagonal_in_it(size, seed, data):
    rank = data.draw(st.integers(1, size))
    target, left, right = basis(size, rank, seed)
    for vectors in (left, right):
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(size), atol=1e-12)
    expected = np.diag(np.linalg.svd(target, compute_uv=False))
    np.testing.assert_allclose(left.T @ target @ right, expected, atol=1e-10 * expected[0, 0])


def test_singular_basis_depends_on_the_seed_and_not_on_the_linear_algebra(monkeypatch):
    _, *expected = basis(30, 5)
    for seed in range(5):
        monkeypatch.setattr(np.linalg, "svd", another_svd(seed))
        np.testing.assert_allclose(basis(30, 5)[1:], expected, atol=1e-10)
        monkeypatch.undo()
    assert not np.allclose(singular_basis(basis(30, 5)[0], 5, random_stream(1, "null_vectors")), expected)


@pytest.mark.parametrize("rank", [5, 20])
def test_digits_do_not_depend_on_the_linear_algebra(monkeypatch, rank):
    expected = digits_matrix(rank, random_stream(0, "final_matrix"))
    monkeypatch.setattr(np.linalg, "svd", another_svd(0))
    np.testing.assert_allclose(digits_matrix(rank, random_stream(0, "final_matrix")), expected, atol=1e-10)


@pytest.mark.parametrize("rank", [1, 5, 40])
def test_digits_have_their_rank_and_mean_squared_entry_one(rank):
    matrix = digits_matrix(rank, random_stream(2, "final_matrix"))
    assert matrix.shape == (DIGITS_SIZE, DIGITS_SIZE)
    assert np.mean(matrix**2) == pytest.approx(1)
    assert np.linalg.matrix_rank(matrix) == rank
    np.testing.assert_allclose(matrix.mean(axis=0), 0, atol=1e-12)


def test_digits_are_the_best_approximation_of_images_that_the_stream_chose():
    low, high = (digits_matrix(rank, random_stream(2, "final_matrix")) for rank in (5, 20))
    left, singular_values, right = np.linalg.svd(high)
    truncated = (left[:, :5] * singular_values[:5]) @ right[:5]
    np.testing.assert_allclose(low, truncated * 64 / np.linalg.norm(truncated), atol=1e-10)
    assert not np.allclose(low, digits_matrix(5, random_stream(3, "final_matrix")))


@pytest.mark.parametrize("rank", [0, 64])
def test_more_ranks_than_the_digits_have_are_refused(rank):
    with pytest.raises(ValueError, match=f"rank = {rank}; allowed: 1 to [56]"):
        digits_matrix(rank, random_stream(0, "final_matrix"))


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


@pytest.mark.parametrize("structure", ["random", "block_diagonal"])
@pytest.mark.parametrize("count", [0, 26])
def test_impossible_number_of_observations_is_refused(count, structure):
    with pytest.raises(ValueError, match=f"n_observed = {count}; allowed: 1 to 25"):
        observed(5, count, 0, structure)


def test_unknown_stream_is_refused():
    with pytest.raises(ValueError, match="allowed: final_matrix"):
        random_stream(0, "noise")
