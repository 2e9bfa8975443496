"""The package without the workflow; the cells are those of a notebook."""

# %% [markdown]
# # The package without the workflow
#
# One small matrix is learned twice: at once, and after a first task of higher rank. Runs in seconds.

# %%
import numpy as np
import torch

from critical_periods.analysis.measures import n_large
from critical_periods.dynamics.schedules import Phase, Task
from critical_periods.dynamics.tasks import low_rank_matrix, observation_mask, random_stream
from critical_periods.models.matrix_completion.landscape import Factorization, initial_weights
from critical_periods.solvers import gradient_descent, gradient_flow

# %% [markdown]
# Two tasks with the same observed entries, and the initial factors of a network of depth 3 (section 4.1). Each has a
# stream of random numbers of its own.

# %%
size, depth, seed = 30, 3, 0
observed = observation_mask(size, 220, random_stream(seed, "observations"))
first = Task(low_rank_matrix(size, 6, random_stream(seed, "pretrain_matrix")), observed)
final = Task(low_rank_matrix(size, 2, random_stream(seed, "final_matrix")), observed)
weights = [torch.as_tensor(weight) for weight in initial_weights(depth, size, 0.001, random_stream(seed, "weights"))]

# %% [markdown]
# A deficit is a phase, a schedule is a list of phases, and every solver runs every schedule.

# %%
schedules = {
    "no deficit": [Phase("final", 4000, final)],
    "deficit": [Phase("pretraining", 10000, first), Phase("final", 4000, final)],
}
errors = {}
for name, schedule in schedules.items():
    for solver in (gradient_descent, gradient_flow):
        solution = solver(Factorization(), weights, schedule, learning_rate=0.2, record_every=500)
        last = solution.trajectory.isel(epoch=-1)
        errors[name, solver.__name__] = float(last["reconstruction_error"])
        large = int(n_large(np.asarray(last["singular_value"])))
        print(f"{name}, {solver.__name__}: error {errors[name, solver.__name__]:.4f}, {large} large singular values")
