"""Every way to spend a budget of gating: from the parameters of a cell to its dataset."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import scipy.integrate
import xarray as xr

from critical_periods.dynamics.schedules import Phase, Task
from critical_periods.dynamics.trajectories import SolverError
from critical_periods.models.pathways.simulation.clock import Clock
from critical_periods.models.pathways.simulation.names import pathway_names
from critical_periods.models.pathways.simulation.scalar import ScalarPathways, initial_scales, pathway_singular_value

logger = logging.getLogger(__name__)

#: Parts of its plasticity that a pathway can lose in a slot: 0, 1/2 and 1.
PARTS = 2


def schedules(slots: int, budget: int) -> np.ndarray:
    """Every way to spend a budget of gating.

    Parameters
    ----------
    slots, budget
        Number of slots, and how many of them the budget would gate in full.

    Returns
    -------
    (schedule, slot) array
        Part of its plasticity that the pathway loses in each slot: 0, 1/2 or 1; rows sum up to the budget.
    """
    found: list[tuple[int, ...]] = [()]
    for left in range(slots - 1, -1, -1):
        found = [
            (*begun, part)
            for begun, part in product(found, range(PARTS + 1))
            if 0 <= PARTS * budget - sum(begun) - part <= PARTS * left
        ]
    return np.array(found) / PARTS


def simulate_schedules(
    parameters: Mapping[str, Any], progress: str | None = None, diverged: str = "fail"
) -> xr.Dataset:
    """Integrate eqs 7 and 8 under every schedule of a budget of gating, all as one batch, a slot at a time.

    Parameters
    ----------
    parameters
        Parameters of a cell of the model `gating_schedules`.
    progress, diverged
        As of `critical_periods.execution.jobs.run_batches`; the flow does not diverge.

    Returns
    -------
    xarray.Dataset
        Over `schedule`: `gating` (schedule, slot), the part of its plasticity that b loses; `impairment`, the share
        that this costs it; `lost_clock`, the integral of the error over what it loses; `predicted_impairment`, which
        follows from that alone. `strategy_impairment` (strategy): of the `worst` and the `best` schedule; of gating
        `first` and `last`, all at once; in `every other` slot, from the first on; and `thin`, over twice as many
        slots, from the first on, each by half. `prediction_error`, the largest over schedules.

    Raises
    ------
    critical_periods.dynamics.trajectories.SolverError
        If the integrator gives up.
    """
    names, target = pathway_names(parameters["n_pathways"]), float(parameters["singular_value"])
    model = ScalarPathways(parameters["depth"], ("trajectory",), names)
    task = Task(np.array(target))
    gating = schedules(parameters["slots"], parameters["budget"])
    every = np.vstack([gating, np.zeros_like(gating[:1])])  # and the one without a deficit
    p = np.full((len(names), len(every)), float(parameters["init_mean"]))
    state = list(initial_scales(p, parameters["imbalance"]))
    clock = Clock(target, parameters["depth"], parameters["imbalance"], parameters["init_mean"])

    def advanced(state: list[np.ndarray], epochs: int, part: float) -> list[np.ndarray]:
        phase, shape = Phase("gating", epochs, task, {"b": 1 - part}), (2, *state[0].shape)

        def velocity(_time: float, scales: np.ndarray) -> np.ndarray:
            return -np.stack(model.gradient(list(scales.reshape(shape)), phase)).ravel()

        span, begin = (0, epochs * parameters["learning_rate"]), np.stack(state).ravel()
        tolerances = {name: parameters[name] for name in ("rtol", "atol")}
        with np.errstate(over="ignore", invalid="ignore"):  # of steps tried and refused
            solution = scipy.integrate.solve_ivp(velocity, span, begin, "DOP853", t_eval=[span[1]], **tolerances)
        if not solution.success:
            raise SolverError(f"gating of {part:g} for {epochs} epochs: {solution.message}")
        return list(solution.y[:, -1].reshape(shape))

    lost = np.zeros(len(every))
    for slot in every.T:
        before, following = clock.reading(state[0][0]), [np.empty_like(scale) for scale in state]
        for part in np.unique(slot):
            chosen = slot == part
            done = advanced([scale[:, chosen] for scale in state], parameters["slot_epochs"], float(part))
            for scale, new in zip(following, done, strict=True):
                scale[:, chosen] = new
        state = following
        lost += slot * (clock.reading(state[0][0]) - before)
    p, q = advanced(state, parameters["epochs"] - parameters["slots"] * parameters["slot_epochs"], 0.0)
    strengths = pathway_singular_value(p, q, parameters["depth"])
    shares = strengths[1] / strengths.sum(axis=0)
    impairment = shares[-1] - shares[:-1]
    predicted = np.array([clock.impairment(delay, len(names)) for delay in lost[:-1]])
    strategies = strategy_impairment(gating, impairment)
    if progress is not None:
        worst = int(np.argmax(impairment))
        logger.info(
            "%s: %d schedules, the worst gates slots %s and costs %.4g of the share; predicted within %.2g",
            progress, len(gating), gating[worst].tolist(), impairment[worst], abs(predicted - impairment).max(),
        )  # fmt: skip
    return xr.Dataset(
        {
            "gating": (("schedule", "slot"), gating),
            "impairment": ("schedule", impairment),
            "lost_clock": ("schedule", lost[:-1]),
            "predicted_impairment": ("schedule", predicted),
            "strategy_impairment": ("strategy", list(strategies.values())),
            "prediction_error": abs(predicted - impairment).max(),
        },
        coords={
            "schedule": np.arange(1, len(gating) + 1),
            "slot": np.arange(1, gating.shape[1] + 1),
            "strategy": list(strategies),
        },
    )


def strategy_impairment(gating: np.ndarray, impairment: np.ndarray) -> dict[str, float]:
    """Harm of the schedules that have a name.

    Parameters
    ----------
    gating, impairment
        As of `simulate_schedules`.
    """
    budget, slots = round(gating[0].sum()), gating.shape[1]
    named = {name: np.zeros(slots) for name in ("first", "every other", "thin", "last")}
    named["first"][:budget] = named["last"][slots - budget :] = 1
    named["every other"][: 2 * budget : 2] = 1
    named["thin"][: 2 * budget] = 0.5
    found = {name: float(impairment[(gating == row).all(axis=1)][0]) for name, row in named.items()}
    return {"worst": float(impairment.max()), **found, "best": float(impairment.min())}
