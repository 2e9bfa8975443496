"""Models: parameters, and the gradient that a phase exerts on them."""

from critical_periods.models.base import Model, Observations, Parameters

__all__ = ["Model", "Observations", "Parameters"]
