"""
Any iteration in strides
========================

``cp.strides`` follows any smooth iteration w ← w + g(w) many updates at a time, whoever's
it is. Here: logistic regression by gradient descent, with every update beside it, and
principal components by Oja's rule. The method: :doc:`/strides`.
"""

import matplotlib.pyplot as plt
import numpy as np

import critical_periods as cp

# %%
# Logistic regression
# -------------------
# 200,000 updates of gradient descent, from a few hundred gradients.

rng = np.random.default_rng(0)
inputs = rng.standard_normal((300, 8))
labels = rng.random(300) < 1 / (1 + np.exp(-inputs @ rng.standard_normal(8)))


def descent(weights):
    """One update: minus the learning rate times the gradient of the mean loss."""
    probability = 1 / (1 + np.exp(-inputs @ weights))
    return -0.01 * inputs.T @ (probability - labels) / len(labels)


count = 200_000
record = np.unique(np.geomspace(1, count, 40).astype(int))
fast = cp.strides(descent, np.zeros(8), count, rtol=1e-8, record=record)

weights, literal, wanted = np.zeros(8), [], set(record.tolist())
for update in range(1, count + 1):
    weights = weights + descent(weights)
    if update in wanted:
        literal.append(weights)

difference = abs(fast.states - literal).max()
print(f"{fast.evaluations} gradients; largest difference {difference:.1e}")

# %%
# Oja's rule, averaged
# --------------------
# Two principal components, by a rule that descends no loss.

data = rng.standard_normal((6, 500)) * np.array([2.0, 1.6, 1.0, 0.7, 0.5, 0.3])[:, None]
covariance = data @ data.T / 500


def oja(weights):
    """One update: towards what the data have most of, and back to orthonormal."""
    return 1e-3 * (covariance @ weights - weights @ (weights.T @ covariance @ weights))


record_oja = range(0, 20_001, 200)
start = 0.1 * rng.standard_normal((6, 2))
components = cp.strides(oja, start, 20_000, record=record_oja)
print(f"{components.evaluations} evaluations for 20,000 updates")

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
left.semilogx(record, fast.states)
left.semilogx(record, literal, "k:", lw=1)
left.set(xlabel="update", title="Logistic regression: in strides, and (dotted) all")
right.plot(record_oja, components.states[..., 0])
right.set(xlabel="update", title="First component by Oja's rule")

# %%
# Where it does not pay
# ---------------------
# Beyond the edge of stability the state jumps to and fro. Updates are made one by one then,
# at hardly any more evaluations than there are updates.

edge = cp.strides(lambda w: -2.1 * np.tanh(w), np.full(3, 0.4), 1000)
print(f"one by one: {edge.one_by_one:.0%} of the updates; {edge.evaluations} evaluations")
