"""Tasks of matrix completion: ground truths, random and real, and the entries observed of them (eq 9)."""

from __future__ import annotations

import numpy as np

from critical_periods.dynamics.arguments import check_choice
from critical_periods.dynamics.real_matrices import numerical_rank, own_matrix, scaled_to_one

#: Images of a matrix of digits, and pixels of each; and a rank that any draw of them has.
DIGITS_SIZE = 64
LARGEST_DIGITS_RANK = 40

#: How observed entries can be chosen, see `observation_mask`.
STRUCTURES = ("random", "block_diagonal", "disconnected", "connected")

#: Fraction of the entries of a connected structure that lie outside of its two blocks.
BRIDGES = 0.05


def low_rank_matrix(size: int, rank: int, generator: np.random.Generator) -> np.ndarray:
    """Random ground truth M = A B^T, scaled to |M|_F = n so that the mean squared entry is 1 (appendix A.2).

    Parameters
    ----------
    size
        n; M is n x n.
    rank
        r; A and B are n x r with entries from N(0, 1).
    generator
        Source of the random numbers.

    Returns
    -------
    (n, n) array

    Raises
    ------
    ValueError
        If the rank is not between 1 and n.
    """
    if not 1 <= rank <= size:
        raise ValueError(f"rank = {rank}; allowed: 1 to {size}")
    left, right = generator.standard_normal((2, size, rank))
    return _scaled(left @ right.T)


def digits_matrix(rank: int, generator: np.random.Generator) -> np.ndarray:
    """Matrix of real data: 64 of scikit-learn's images of handwritten digits, an image a row, a pixel a column.

    Columns are centred. Of the result the best approximation of a rank is taken, scaled as random matrices are.

    Parameters
    ----------
    rank
        Rank of the approximation.
    generator
        Source of the random numbers: which images.

    Returns
    -------
    (64, 64) array

    Raises
    ------
    ValueError
        If the rank is not between 1 and that of the images.
    """
    from sklearn.datasets import load_digits

    images = load_digits().data
    chosen = images[generator.choice(len(images), DIGITS_SIZE, replace=False)]
    return _scaled(_approximation(chosen - chosen.mean(axis=0), rank))


def matrix_from_file(name: str, size: int, rank: int | None, normalized: bool = True) -> np.ndarray:
    """Ground truth from a file, NaN where an entry is missing and, of a matrix that is not square, beyond its sides.

    A network whose hidden layers are as wide as the longer side is a square one whose outputs and inputs beyond the
    sides of the matrix are never observed.

    Parameters
    ----------
    name
        As of `critical_periods.dynamics.real_matrices.OwnMatrix`.
    size
        n, the longer side of the matrix.
    rank
        Rank of the best approximation, which is taken; None for the matrix as it is.
    normalized
        Whether it is scaled to a mean squared known entry of 1, which makes |M|_F = n where all n^2 are known.

    Returns
    -------
    (n, n) array

    Raises
    ------
    ValueError
        If the file does not hold the matrix any more, or its rank is smaller.
    """
    values = own_matrix(name).values
    values = scaled_to_one(values) if normalized else values
    values = values if rank is None else _approximation(values, rank)
    whole = np.full((size, size), np.nan)
    whole[: values.shape[0], : values.shape[1]] = values
    return whole / np.sqrt(np.nanmean(whole**2)) if normalized else whole


def _approximation(matrix: np.ndarray, rank: int) -> np.ndarray:
    """Best approximation of a rank, by the leading singular values and vectors."""
    left, singular_values, right = np.linalg.svd(matrix)
    full_rank = numerical_rank(singular_values)
    if not 1 <= rank <= full_rank:
        raise ValueError(f"rank = {rank}; allowed: 1 to {full_rank}, the rank of the data")
    return (left[:, :rank] * singular_values[:rank]) @ right[:rank]


def singular_basis(matrix: np.ndarray, rank: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal bases U and V of whole spaces in which a matrix of some rank is diagonal: U^T M V = diag(s, 0).

    A decomposition determines the leading singular vectors up to a sign, and the vectors of singular value 0 up to any
    rotation, so that each LAPACK returns others. Here the entry of largest size of every leading u is positive, and
    the null spaces are spanned by draws, orthonormalized in their order (Gram and Schmidt): the same seed gives the
    same bases on every machine, to rounding.

    Parameters
    ----------
    matrix
        M, (n, n).
    rank
        Its rank r, with r different singular values above 0.
    generator
        Source of the random numbers for the n - r null vectors of either side.

    Returns
    -------
    left, right : (n, n) arrays
        U and V, one singular vector a column, in descending order of singular value.
    """
    size = len(matrix)
    left, _, right_transposed = np.linalg.svd(matrix)
    leading = _signed(left[:, :rank], right_transposed[:rank].T)
    spanning = np.concatenate([leading, generator.standard_normal((2, size, size - rank))], axis=2)
    orthogonal, triangle = np.linalg.qr(spanning)
    bases = orthogonal * np.sign(np.diagonal(triangle, axis1=1, axis2=2))[:, None, :]
    return bases[0], bases[1]


def _signed(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Leading singular vectors, (2, n, r), the entry of largest size of every left one positive: LAPACKs differ."""
    largest = np.abs(left).argmax(axis=0)
    return np.stack([left, right]) * np.sign(left[largest, np.arange(left.shape[1])])


def related_matrix(
    final: np.ndarray, final_rank: int, rank: int, overlap: float, order: str, generator: np.random.Generator
) -> np.ndarray:
    """Ground truth whose leading modes overlap with those of another one by a given share.

    Mode k, up to the smaller of both ranks, is sqrt(q) u_k + sqrt(1 - q) a_k on the left, and the same of v_k and b_k
    on the right, a and b random and orthogonal to all of the other matrix's singular vectors: q is the mean squared
    cosine between the subspaces. Further modes are random and orthogonal to them. Singular values are those of the
    other matrix, again from the largest on after the last one; the whole is scaled as random matrices are.

    Parameters
    ----------
    final, final_rank
        The other matrix, (n, n), and its rank.
    rank
        Rank of the matrix; both ranks together are n at most.
    overlap
        q, 0 to 1.
    order
        "same" or "reversed": whether overlapping modes have the singular values in their order, or the smallest first.
    generator
        Source of the random numbers.

    Returns
    -------
    (n, n) array
    """
    left, values, right_transposed = np.linalg.svd(final)
    leading = _signed(left[:, :final_rank], right_transposed[:final_rank].T)
    shared = min(rank, final_rank)
    bases = []
    for vectors in leading:
        drawn = generator.standard_normal((len(final), rank))
        random = np.linalg.qr(np.concatenate([vectors, drawn], axis=1))[0][:, final_rank:]
        random[:, :shared] = np.sqrt(overlap) * vectors[:, :shared] + np.sqrt(1 - overlap) * random[:, :shared]
        bases.append(random)
    spectrum = values[:shared] if order == "same" else values[:shared][::-1]
    return _scaled((bases[0] * np.resize(spectrum, rank)) @ bases[1].T)


def _scaled(matrix: np.ndarray) -> np.ndarray:
    """The matrix with a mean squared entry of 1."""
    return matrix * (len(matrix) / np.linalg.norm(matrix))


def observation_mask(
    size: int,
    n_observed: int,
    generator: np.random.Generator,
    structure: str = "random",
    candidates: np.ndarray | None = None,
) -> np.ndarray:
    """Choose the observed entries without replacement.

    The sets that one generator state yields are nested, except full blocks: more observations are a superset of fewer.

    Parameters
    ----------
    size
        n; the mask is n x n.
    n_observed
        Number of observed entries.
    generator
        Source of the random numbers.
    structure
        How they are chosen. Observed entries are the edges of a graph between rows and columns.
        `random`: uniformly.
        `block_diagonal`: full blocks on the diagonal, as few as the number fills, and what is left outside of them.
        `disconnected`: uniformly within two diagonal blocks of half the size, so that the graph is in two parts.
        `connected`: the same, but the fraction `BRIDGES` lies outside of the blocks and connects them.
    candidates
        True where an entry can be observed, (n, n); None for all.

    Returns
    -------
    (n, n) bool array
        True where an entry is observed.

    Raises
    ------
    ValueError
        If the structure is unknown, or has fewer entries than asked for.
    """
    check_choice("structure", structure, STRUCTURES)
    blocks = {"random": 1, "block_diagonal": _full_blocks(size, n_observed)}.get(structure, 2)
    label = np.arange(size) * blocks // size
    order = generator.permutation(size**2)
    if candidates is not None:
        order = order[candidates.ravel()[order]]
    inside = (label[:, None] == label).ravel()[order]
    within, outside = order[inside], order[~inside]
    most = len(within) if structure in ("disconnected", "connected") else len(order)
    if not 1 <= n_observed <= most:
        raise ValueError(f"n_observed = {n_observed}; allowed: 1 to {most}")
    moved = max(1, round(BRIDGES * n_observed)) if structure == "connected" else max(0, n_observed - len(within))
    mask = np.zeros(size**2, dtype=bool)
    mask[within[: n_observed - moved]] = True
    mask[outside[:moved]] = True
    return mask.reshape(size, size)


def held_out_mask(
    n_held_out: int, generator: np.random.Generator, known: np.ndarray, candidates: np.ndarray
) -> np.ndarray:
    """Choose entries that are not observed, for the error alone: the same ones however many are observed.

    They are the last of the order in which one generator state yields observations, known entries that are no
    candidates after those that are.

    Parameters
    ----------
    n_held_out
        How many; with those observed at most all that are known.
    generator
        Source of the random numbers, in the state that `observation_mask` is given.
    known, candidates
        True where an entry is known, and where it can be observed too, (n, n).

    Returns
    -------
    (n, n) bool array
        True where an entry is held out.
    """
    order = generator.permutation(known.size)
    order = order[known.ravel()[order]]
    order = order[np.argsort(~candidates.ravel()[order], kind="stable")]
    mask = np.zeros(known.size, dtype=bool)
    mask[order[len(order) - n_held_out :]] = True
    return mask.reshape(known.shape)


def _full_blocks(size: int, n_observed: int) -> int:
    """Fewest blocks on the diagonal whose entries are at most as many as observed; single entries at the least."""
    for count in range(1, size):
        if (np.bincount(np.arange(size) * count // size) ** 2).sum() <= n_observed:
            return count
    return size
