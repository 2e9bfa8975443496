"""Solvers: any model through any schedule."""

from critical_periods.solvers.gradient_descent import gradient_descent
from critical_periods.solvers.gradient_flow import gradient_flow

__all__ = ["gradient_descent", "gradient_flow"]
