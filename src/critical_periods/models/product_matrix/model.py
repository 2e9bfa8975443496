"""Parameters of the dynamics of the product matrix: flow of its singular values, and modes in closed form."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from critical_periods.configuration.fields import Epochs, Precision, Rate, SomeEpochs, Tolerance, key
from critical_periods.models.registry import Parameters, check_ascending, check_at_most, check_init_scale
from critical_periods.solvers.gradient_flow import Method

Rank = Annotated[int, Field(ge=1, le=10_000)]


class TwoTasks(Parameters):
    """What both models share: two tasks one after the other, and the network that learns them."""

    size: int = key("n; all matrices are n x n.", label="size $n$", ge=2, le=10_000)
    depth: int = key("Number N of factors, 2 or more.", label="depth $N$", ge=2, le=50)
    n_observed: int = key("Observed entries, at most size^2.", label="observed entries", ge=1, le=100_000_000)
    pretrain_rank: Rank = key("Rank of the first task's matrix, at most size.", label="rank of the first task")
    final_rank: Rank = key("Rank of the second task's matrix, at most size.", label="rank of the final task")
    init_scale: float = key("Singular values of the initial product matrix.", label="initial scale", gt=0, le=100)
    learning_rate: Rate = key("Step of gradient descent.", label="learning rate")
    final_epochs: SomeEpochs = key("Epochs of the second task.", unit="epoch")
    record_every: SomeEpochs = key("Epochs between two records of a trajectory.", unit="epoch")
    n_singular_values: int = key(
        "How many of the largest singular values are recorded, at most size.", ge=1, le=10_000
    )
    dtype: Precision = key("Floating-point precision of training.")

    def check(self, place: str) -> None:
        """Refuse ranks and observations that the size rules out."""
        check_at_most(
            place, self, ("pretrain_rank", "final_rank", "n_singular_values"), self.size, f"size = {self.size}"
        )
        check_at_most(place, self, ("n_observed",), self.size**2, f"size^2 = {self.size**2}")


class SingularFlow(TwoTasks):
    """Deep factorization beside the flow of its singular values and vectors (appendix B, eqs 10, 13, 14)."""

    init_spread: float = key("Standard deviation of the diagonal that every initial layer gets on top.", ge=0, le=100)
    switch_epochs: Annotated[list[Epochs], Field(min_length=1, max_length=1000)] = key(
        "Epochs of the first task before the switch to the second one, ascending.",
        label="duration of the deficit",
        unit="epoch",
    )
    method: Method = key(
        "Integrator; RKC is Runge-Kutta-Chebyshev, with errors like rtol^(2/3); the others are those of "
        "scipy.integrate, with errors in proportion to rtol."
    )
    rtol: Tolerance = key("Relative tolerance of adaptive integration.")
    atol: Tolerance = key("Absolute tolerance of adaptive integration, in units of W.")
    shadowing: bool = key(
        "Whether theory follows gradient descent to second order in the learning rate, or its limit."
    )

    def check(self, place: str) -> None:
        """Refuse, beside ranks and observations, switch epochs out of order."""
        super().check(place)
        check_ascending(place, "switch_epochs", self.switch_epochs)
        check_init_scale(place, self.init_scale, self.dtype, 1)  # a diagonal matrix


class SharedModes(TwoTasks):
    """Singular vectors shared with both tasks: modes in closed form beside training (appendix C, eqs 19-21)."""

    pretrain_epochs: Epochs = key("Epochs of the first task.", unit="epoch")

    def check(self, place: str) -> None:
        """Refuse, beside ranks and observations, initial weights that vanish."""
        super().check(place)
        check_init_scale(place, self.init_scale, self.dtype, self.size)


class TwoLayers(Parameters):
    """Two lambda-balanced layers, all entries observed: the exact solution beside training, through two tasks."""

    rows: int = key("Rows of all matrices.", label="rows", ge=2, le=10_000)
    columns: int = key(
        "Columns of all matrices; there are as many hidden units as the shorter side has entries.",
        label="columns",
        ge=2,
        le=10_000,
    )
    imbalance: float = key(
        "lambda: W_2^T W_2 - W_1 W_1^T is lambda I.", label=r"imbalance $\lambda$", ge=-1_000_000, le=1_000_000
    )
    pretrain_rank: Rank = key(
        "Rank of the first task's matrix, at most the shorter side.", label="rank of the first task"
    )
    final_rank: Rank = key(
        "Rank of the second task's matrix, at most the shorter side.", label="rank of the final task"
    )
    init_scale: float = key(
        "Scale of the initial product, that of two layers with entries of sd init_scale^(1/2) n^(-1/2), n being the "
        "longer side.",
        label="initial scale", gt=0, le=100,
    )  # fmt: skip
    learning_rate: Rate = key("Step of gradient descent.", label="learning rate")
    pretrain_epochs: Epochs = key("Epochs of the first task.", unit="epoch")
    final_epochs: SomeEpochs = key("Epochs of the second task.", unit="epoch")
    record_every: SomeEpochs = key("Epochs between two records of a trajectory.", unit="epoch")
    n_singular_values: int = key(
        "How many of the largest singular values are recorded, at most the shorter side.", ge=1, le=10_000
    )

    def check(self, place: str) -> None:
        """Refuse ranks that the sides rule out."""
        shorter = min(self.rows, self.columns)
        check_at_most(
            place, self, ("pretrain_rank", "final_rank", "n_singular_values"), shorter, f"{shorter}, the shorter side"
        )
