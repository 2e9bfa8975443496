"""
A quantity of one's own along a trajectory
==========================================

What is recorded along training is what a landscape observes. A quantity of one's own is one
method; both solvers then record it, over the epochs, by its name.
"""

# %%
# The question: does a network forget the first task, or keep it where the final one is
# silent? We watch the error on the entries that are observed and on those that are not,
# each of the final task.

import matplotlib.pyplot as plt
import numpy as np

import critical_periods as cp

size, depth, seed = 30, 3, 0
mask = cp.observation_mask(size, 220, cp.random_stream(seed, "observations"))
first = cp.Task(
    cp.low_rank_matrix(size, 6, cp.random_stream(seed, "pretrain_matrix")), mask
)
final = cp.Task(cp.low_rank_matrix(size, 2, cp.random_stream(seed, "final_matrix")), mask)
weights = cp.initial_weights(depth, size, 0.001, cp.random_stream(seed, "weights"))


class Watched(cp.Factorization):
    """A factorization that tells the error on observed entries from that on all others."""

    def observe(self, parameters, phase):
        """Errors beside what is recorded anyway: name -> axes and values."""
        product = np.linalg.multi_dot(
            [np.asarray(weight) for weight in reversed(parameters)]
        )
        squares = np.square(product - final.target)
        own = {
            "observed_error": ((), squares[mask].mean()),
            "unseen_error": ((), squares[~mask].mean()),
        }
        return super().observe(parameters, phase) | own


schedule = [cp.Phase("first", 10000, first), cp.Phase("final", 6000, final)]
solution = cp.gradient_flow(
    Watched(), weights, schedule, learning_rate=0.2, record_every=100
)
trajectory = solution.trajectory

# %%
# The observed entries are learned again at once. The others never recover.

figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for name in ("observed_error", "unseen_error"):
    axes.plot(trajectory.epoch, trajectory[name], label=name.replace("_", " "))
axes.axvline(10000, color="0.6", linestyle=":")
axes.set(yscale="log", xlabel="epoch", ylabel="mean squared error on the final task")
axes.legend(frameon=False)
last = trajectory.isel(epoch=-1)
print(f"observed {float(last.observed_error):.2g}, unseen {float(last.unseen_error):.2g}")
assert last.observed_error < 0.02 < last.unseen_error

# %%
# Where a quantity needs the weights at a few epochs only, ``keep`` keeps them.

solution = cp.gradient_flow(
    cp.Factorization(), weights, schedule, learning_rate=0.2, record_every=1000, keep=[5000]
)
for epoch, layers in solution.parameters.items():
    print(epoch, [f"{np.linalg.norm(layer):.2f}" for layer in layers])

# %%
# Functions of a dataset, the measures by which the paper's claims are judged, are in
# ``cp.measures``.

print("large singular values:", int(cp.measures.n_large(np.asarray(last.singular_value))))
