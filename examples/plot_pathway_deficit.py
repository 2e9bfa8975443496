"""
Two pathways and a deficit of one's own
=======================================

Two pathways of a deep network compete for one mode of a task (section 3 of the paper). A
deficit is nothing but a phase of training in which another gradient drives the parameters.
Here pathway b keeps a tenth of its plasticity for a while, and a patch on pathway a comes
as a therapy later.
"""

# %%
# A landscape says what is trained, a task what for. The scales p and q of both pathways
# begin small, with :math:`q^2 - p^2 = 1`, which training conserves (eq 8).

import matplotlib.pyplot as plt
import numpy as np

import critical_periods as cp

depth, singular_value = 4, 10.0
landscape = cp.ScalarPathways(depth, dims=("mode",))
task = cp.Task(np.array([singular_value]))
start = cp.initial_scales(np.full((2, 1), 0.01), imbalance=1.0)

# %%
# A schedule is a list of phases. ``plasticity`` is a factor on the gradient of a pathway,
# ``lesions`` are the modes that a pathway cannot express.


def schedule(patch: int) -> list[cp.Phase]:
    """Deprive pathway b early, then patch pathway a for some epochs."""
    return [
        cp.Phase("deprived", 30, task, plasticity={"b": 0.1}),
        cp.Phase("normal", 270, task),
        cp.Phase("patched", patch, task, lesions={"a": [0]}),
        cp.Phase("normal again", 600 - patch, task),
    ]


solutions = {}
for patch in (0, 20, 100):
    solutions[patch] = cp.gradient_descent(
        landscape, start, schedule(patch), learning_rate=0.001, record_every=5
    )

# %%
# Every solver returns the same: a trajectory, which is an :class:`xarray.Dataset`, and the
# parameters kept.

trajectory = solutions[100].trajectory
trajectory

# %%
# Without a patch the deprived pathway never recovers. A short patch gives back a part of
# its share, a long one half.

figure, panels = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True, layout="constrained")
for axes, (patch, solution) in zip(panels, solutions.items(), strict=True):
    learned = solution.trajectory.pathway_singular_value.isel(mode=0)
    for number, pathway in enumerate("ab"):
        axes.plot(learned.epoch, learned.isel(pathway=number), label=f"pathway {pathway}")
    axes.axvspan(0, 30, color="0.85")
    axes.axvspan(300, 300 + patch, color="C2", alpha=0.15)
    axes.set(title=f"patch of {patch} epochs", xlabel="epoch")
panels[0].set_ylabel("singular value learned")
panels[0].legend(frameon=False)
shares = {
    patch: float(solution.trajectory.pathway_singular_value[-1, 1, 0]) / singular_value
    for patch, solution in solutions.items()
}
print({patch: round(share, 3) for patch, share in shares.items()})
assert shares[0] < 0.2 < shares[20] < 0.4 < shares[100]

# %%
# The same network under gradient flow: any solver runs any landscape through any schedule.

accurate = {"rtol": 1e-8, "atol": 1e-10, "method": "RK45"}
flow = cp.gradient_flow(
    landscape, start, schedule(100), learning_rate=0.001, record_every=5, **accurate
)
difference = abs(flow.trajectory - trajectory).pathway_singular_value.max()
print(f"largest difference {float(difference):.2g}, of {singular_value}")
