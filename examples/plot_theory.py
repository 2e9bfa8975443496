"""
Theory beside training
======================

With all entries observed and singular vectors shared with the task, every mode of a deep
linear network grows by itself (appendix C of the paper). Theory, beside gradient descent.
"""

# %%
# A task of three modes, and weights that share its singular vectors, U at the top and V at
# the bottom, so that every mode of their product begins at ``start``.

import matplotlib.pyplot as plt
import numpy as np

import critical_periods as cp

size, start, learning_rate, epochs = 20, 0.01, 0.2, 4000
strengths = np.array([10.0, 6.0, 3.0])
left, right = (
    np.linalg.qr(matrix)[0]
    for matrix in np.random.default_rng(0).standard_normal((2, size, size))
)
task = cp.Task((left[:, :3] * strengths) @ right[:, :3].T)
schedule = [cp.Phase("training", epochs, task)]


def shared(depth: int) -> list[np.ndarray]:
    """Weights of a network whose modes are those of the task."""
    layers = [right.T, *(np.eye(size) for _ in range(depth - 2)), left]
    return [start ** (1 / depth) * layer for layer in layers]


# %%
# The loss is a mean over the :math:`n^2` entries, hence :math:`\tau = n^2 / \eta` epochs.

tau = size**2 / learning_rate
trained, predicted = {}, {}
for depth in (2, 3):
    solution = cp.gradient_descent(
        cp.Factorization(n_singular_values=3),
        shared(depth),
        schedule,
        learning_rate=learning_rate,
        record_every=50,
    )
    trained[depth] = solution.trajectory.singular_value
    time = trained[depth].epoch.values
    predicted[depth] = cp.mode_strength_of_depth(
        time, strengths, np.full(3, start), tau, depth
    )
    off = np.abs(trained[depth].values - predicted[depth]).max()
    print(f"depth {depth}: off by {off:.2g} at most")
    assert np.allclose(trained[depth], predicted[depth], atol=0.02 * strengths.max())

# %%
# Deeper networks wait longer, and then learn faster; theory is dashed.

figure, panels = plt.subplots(1, 2, figsize=(9, 3), sharey=True, layout="constrained")
for axes, depth in zip(panels, trained, strict=True):
    axes.plot(trained[depth].epoch, trained[depth], lw=3, alpha=0.5)
    axes.set_prop_cycle(None)
    axes.plot(trained[depth].epoch, predicted[depth], "k--", lw=1)
    axes.set(title=f"depth {depth}", xlabel="epoch")
panels[0].set_ylabel("singular value of W")

# %%
# When does a critical period close? :func:`critical_periods.gating_closing` predicts how
# long gating may last before it does half of its harm, from eqs 7 and 8 alone;
# ``cp.simulate`` measures it, with the workflow's own cells.

depths = [2, 3, 4]
dataset = cp.simulate(
    "scalar_pathways",
    vary={"depth": depths, "duration": [0, 10, 20, 40, 60, 80, 100, 150, 200, 300, 400]},
    n_trajectories=5,
    epochs=1000,
    portrait=False,
)
measured = dataset.measured_closing.mean(["seed", "trajectory"])
for depth in depths:
    theory = cp.gating_closing(10.0, depth, imbalance=1.0) / 0.001
    closing = float(measured.sel(depth=depth))
    print(f"depth {depth}: predicted {theory:.0f} epochs, measured {closing:.0f}")
    assert abs(theory / closing - 1) < 0.2
