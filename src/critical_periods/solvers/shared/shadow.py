"""The flow that gradient descent follows to second order in its step (docs/multi-pathway.md)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from critical_periods.dynamics.landscape import BY_SOLVERS, Model, Observations, Parameters
from critical_periods.dynamics.schedules import Phase
from critical_periods.solvers.shared.runs import plain_gradient


class Shadowed:
    """A model whose gradient flow follows gradient descent on another one, with the step that it is bound to.

    With f = -dL/dw and step h, the flow of f(w - (h/2) f(w)) stays within O(h^2) of the iterates of w <- w + h f(w).
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.dims, self.honours = model.dims, getattr(model, "honours", BY_SOLVERS)
        self.batched = getattr(model, "batched", False)

    def observe(self, parameters: Parameters, phase: Phase) -> Observations:
        """What the model itself observes."""
        return self.model.observe(parameters, phase)

    def bind_gradient(
        self, parameters: Parameters, phase: Phase, scale: float
    ) -> Callable[[Parameters, Parameters], None]:
        """Bind a factor, minus the step, times the gradient half a step back."""
        bind = getattr(self.model, "bind_gradient", None) or partial(plain_gradient, self.model)
        write_here = bind(parameters, phase, scale)

        def write(parameters: Parameters, out: Parameters) -> None:
            write_here(parameters, out)
            write_here([place - 0.5 * step for place, step in zip(parameters, out, strict=True)], out)

        return write

    def gradient(self, parameters: Parameters, phase: Phase) -> Parameters:
        """The model's own; solvers use the one that is bound."""
        return self.model.gradient(parameters, phase)
