"""Solvers: any model through any schedule."""

from critical_periods.solvers.gradient_descent import gradient_descent

__all__ = ["gradient_descent"]
