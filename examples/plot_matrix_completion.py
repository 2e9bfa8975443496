"""
Matrix completion with a matrix and a mask of one's own
=======================================================

A deep linear network completes a matrix from some of its entries (section 4 of the paper),
at once or after a first task. Matrix, mask and initial weights are NumPy arrays; where they
come from is up to you.
"""

# %%
# The matrix here is a smooth surface of rank 3, and observed are a band around the
# diagonal, as if neighbours had been compared, and a few entries elsewhere. Scaled to a
# mean squared entry of 1, as the paper's matrices are.

import matplotlib.pyplot as plt
import numpy as np

import critical_periods as cp

size, depth, seed = 40, 3, 0
x = np.linspace(0, 1, size)
surface = sum(
    np.outer(np.sin((k + 1) * np.pi * x), np.cos(k * np.pi * x)) / (k + 1) for k in range(3)
)
surface *= size / np.linalg.norm(surface)
band = np.abs(np.subtract.outer(range(size), range(size))) <= 3
mask = band | (np.random.default_rng(seed).random((size, size)) < 0.2)
print(f"{mask.sum()} of {mask.size} entries are observed")

# %%
# Of the first task, a random matrix of rank 10, the same entries are observed. Weights have
# a leading axis of runs, here of two draws that are trained together. The random streams
# are those of the workflow: the same seed gives the same draw.

final = cp.Task(surface, mask)
first = cp.Task(
    cp.low_rank_matrix(size, 10, cp.random_stream(seed, "pretrain_matrix")), mask
)
draws = [
    cp.initial_weights(depth, size, 0.001, cp.random_stream(run, "weights"))
    for run in range(2)
]
weights = [np.stack(layer) for layer in zip(*draws, strict=True)]

# %%
# Training at once, and after 20,000 epochs of the first task, by gradient flow;
# ``cp.gradient_descent`` takes the same arguments.

after = [cp.Phase("final", 8000, final)]
schedules = {
    "at once": after,
    "after the first task": [cp.Phase("first", 20000, first), *after],
}
solutions = {
    name: cp.gradient_flow(
        cp.Factorization("run"), weights, phases, learning_rate=0.2, record_every=200
    )
    for name, phases in schedules.items()
}
errors = {
    name: solution.trajectory.reconstruction_error.isel(epoch=-1)
    for name, solution in solutions.items()
}
for name, error in errors.items():
    print(f"{name}: error {np.round(error.values, 4)}")
assert (errors["after the first task"] > errors["at once"] + 0.05).all()

# %%
# What the networks have learned is the product of their weights. The first task has left
# its mark where nothing is observed.


def product(solution: cp.Solution) -> np.ndarray:
    """Product matrix of the first run at the end of training."""
    return np.linalg.multi_dot([np.asarray(layer[0]) for layer in reversed(solution.final)])


pictures = {"matrix": surface, "observed": np.where(mask, surface, np.nan)}
pictures |= {name: product(solution) for name, solution in solutions.items()}
figure, panels = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
limit = np.abs(surface).max()
for axes, (name, picture) in zip(panels, pictures.items(), strict=True):
    axes.imshow(picture, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set(title=name, xticks=[], yticks=[], facecolor="0.85")

# %%
# The trajectory is an :class:`xarray.Dataset`: it selects by name, and it plots. Modes of
# the first task stay.

figure, panels = plt.subplots(1, 2, figsize=(9, 2.8), sharey=True, layout="constrained")
for axes, (name, solution) in zip(panels, solutions.items(), strict=True):
    solution.trajectory.singular_value.isel(run=0).plot.line(
        x="epoch", ax=axes, add_legend=False
    )
    axes.set(title=name, ylabel="singular value of W" if axes is panels[0] else "")
