"""Parameters of multi-pathway learning: of networks, and of their scalar reduction (section 3 of the paper)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from critical_periods.configuration.fields import (
    UNIQUE,
    ActivationName,
    ConfigError,
    Epochs,
    PrecisionName,
    Rate,
    Section,
    SomeEpochs,
    Tolerance,
    key,
    matching,
    one_of,
)
from critical_periods.configuration.solvers import SolverName, with_options
from critical_periods.models.pathways.cost import network_cost, scalar_cost, schedules_cost
from critical_periods.models.pathways.panels import KINDS, MARKS, PHRASES
from critical_periods.models.pathways.simulation.names import pathway_names
from critical_periods.models.pathways.variables import GATING_SCHEDULES, PATHWAY_NETWORK, SCALAR_PATHWAYS, linear
from critical_periods.models.registry import ModelSpec, check_init_scale

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["KINDS", "MARKS", "MODELS", "PHRASES", "PUBLIC"]

PUBLIC = {
    "Tasks": {
        "critical_periods.models.pathways.simulation.hierarchical_task": ("hierarchical_task", "hierarchical_modes")
    },
    "Landscapes": {
        "critical_periods.models.pathways.simulation.scalar": ("ScalarPathways", "initial_scales"),
        "critical_periods.models.pathways.simulation.network": ("PathwayNetwork",),
    },
    "Theory": {
        "critical_periods.models.pathways.simulation.scalar": (
            "pathway_singular_value",
            "learning_speed",
            "flow_field",
        ),
        "critical_periods.models.pathways.theory": ("gating_closing",),
    },
    "Measures": {"critical_periods.models.pathways.measures": "pathway_measures"},
}

#: Most turns of pathways that are gated one after the other.
MOST_TURNS = 1000

#: Parameters of the scalar reduction that count epochs, and the onset and length of its deficits.
EPOCHS = ("epochs", "onset", "duration", "alternate_every", "lesion_onset", "lesion_duration", "record_every")
WINDOWS = (("onset", "duration"), ("lesion_onset", "lesion_duration"))

Pathway = Annotated[str, matching("^[a-z]$", "one lower-case letter")]
Depth = Annotated[int, Field(ge=2, le=100)]
Width = Annotated[int, Field(ge=1, le=10_000)]
Imbalance = Annotated[
    float,
    key(
        "C = q^2 - p^2, which training conserves; not below -p(0)^2.",
        label="imbalance $q^2 - p^2$", ge=-1_000_000, le=1_000_000,
    ),
]  # fmt: skip


class Duration(Section):
    """The duration of the deficit that begins at an onset."""

    onset: Epochs = key("First epoch of the deficit.", unit="epoch")
    duration: Epochs = key("Its epochs.", unit="epoch")


InitialScales = Annotated[list[Annotated[float, Field(ge=-1000, le=1000)]], Field(min_length=1, max_length=26)]
Starts = Annotated[list[InitialScales], Field(min_length=1, max_length=100_000)]
Durations = Annotated[list[Duration], Field(min_length=1, max_length=10_000)]


class Deficits(ModelSpec):
    """What networks and their scalar reduction share: pathways, their training and their deficits."""

    n_pathways: int = key("Number of pathways, named a, b, c, ...", label="pathways", ge=1, le=26)
    depth: Depth | Annotated[list[Depth], Field(min_length=1, max_length=26)] = key(
        "Number D of weight matrices of a pathway; a list for one of its own each.", label="depth $D$"
    )
    learning_rate: Rate = key(
        "Step of gradient descent (of Euler's method), and one epoch's worth of time of gradient flow.",
        label="learning rate",
    )
    epochs: SomeEpochs = key("Epochs of training.", unit="epoch")
    gated_pathway: Pathway = key(
        "Pathway that the gating deficit keeps from learning, one of the n_pathways.", label="gated pathway"
    )
    onset: Epochs = key(
        "First epoch of the gating deficit; onset + duration is at most epochs.",
        label="onset of the deficit", unit="epoch",
    )  # fmt: skip
    duration: Epochs | Durations = key(
        "Epochs of the gating deficit; a list of pairs of onset and duration where they differ by onset.",
        label="duration of the deficit", unit="epoch",
    )  # fmt: skip
    plasticity: float = key(
        "Factor on the gated pathway's gradient during the deficit; 0 is full gating, 1 none.",
        0.0, label="plasticity left by the deficit", ge=0, le=1,
    )  # fmt: skip
    lesioned_pathway: Pathway | None = key(
        "Pathway that cannot express some modes, or any, for a while; one of the n_pathways, or null for none.",
        None, label="lesioned pathway",
    )  # fmt: skip
    lesion_onset: Epochs = key("First epoch of the lesion.", 0, label="onset of the patch", unit="epoch")
    lesion_duration: Epochs | None = key(
        "Epochs of the lesion; null, it lasts to the end.",
        None, label="duration of the patch", unit="epoch", null="to the end",
    )  # fmt: skip
    record_every: SomeEpochs = key("Epochs between two records of a trajectory.", unit="epoch")
    rtol: Tolerance = key("Relative tolerance of adaptive integration.")
    atol: Tolerance = key("Absolute tolerance of adaptive integration.")

    def check(self, place: str) -> None:
        """Refuse deficits of pathways that there are not, or that do not lie inside of training."""
        names = pathway_names(self.n_pathways)
        self.require(place, "gated_pathway", self.gated_pathway in names, f"one of {', '.join(names)}")
        self._check_window(place, "gating", self.onset, self.duration_at_onset(place))
        if self.lesioned_pathway is not None:
            allowed = one_of(self.lesioned_pathway, names)
            self.require(place, "lesioned_pathway", self.lesioned_pathway in names, allowed)
            self._check_window(place, "lesion", self.lesion_onset, self.lesion_duration or 0)
        self.check_for_each(place, "depth")

    def duration_at_onset(self, place: str = "") -> int:
        """Duration of the gating deficit: one for all onsets, or the one given for the cell's."""
        if isinstance(self.duration, int):
            return self.duration
        by_onset: dict[int, int] = {}
        for pair in self.duration:
            if pair.onset in by_onset:
                given = [item.model_dump() for item in self.duration]
                raise ConfigError(f"{place}: duration", given, f"one duration for onset {pair.onset}")
            by_onset[pair.onset] = pair.duration
        allowed = f"an onset with a duration, one of {', '.join(map(str, by_onset))}"
        self.require(place, "onset", self.onset in by_onset, allowed)
        return by_onset[self.onset]

    def check_for_each(self, place: str, name: str) -> None:
        """Refuse a list of what every pathway has one of, if it has another length than there are pathways."""
        value = getattr(self, name)
        fits = not isinstance(value, list) or len(value) == self.n_pathways
        self.require(place, name, fits, f"a number, or {self.n_pathways} of them")

    def _check_window(self, place: str, name: str, onset: int, duration: int) -> None:
        if onset + duration > self.epochs:
            window = [onset, onset + duration]
            raise ConfigError(f"{place}: {name} [onset, onset + duration)", window, f"0 to {self.epochs} epochs")

    def identity(self) -> dict[str, Any]:
        """Parameters with the duration that holds for the onset."""
        return super().identity() | {"duration": self.duration_at_onset()}


@with_options(but=("gradient_flow",))  # tolerances are parameters of their own
class ScalarPathwaysModel(Deficits):
    """One mode of the multi-pathway network: scales p and q of each pathway (section 3, eqs 6-8)."""

    name = "scalar_pathways"
    rule = "integrate_pathways"
    message = "Integrating the scalar dynamics of pathways, {cells}; results in {log}"
    minutes = (10, 1)
    cost = staticmethod(scalar_cost)
    in_explorer = True
    variables = SCALAR_PATHWAYS

    solver: SolverName = key("Euler's steps as in the paper, or adaptive ones.")
    singular_value: float = key(
        "Singular value s that the pathways have to add up to.", label="singular value $s$", gt=0, le=1_000_000
    )
    imbalance: Imbalance
    init_mean: float = key("Mean of p(0) over initial conditions and pathways.", ge=-1000, le=1000)
    init_sd: float = key("Standard deviation of p(0) over initial conditions and pathways.", ge=0, le=1000)
    n_trajectories: int = key("Number of initial conditions.", ge=1, le=100_000)
    init_p: Starts | None = key(
        "p(0) of every pathway, a list for each trajectory; null, they are drawn.", None, later=True
    )
    alternate_every: SomeEpochs | None = key(
        "Epochs after which the deficit passes to the next pathway; null, it stays.",
        None, label="epochs of a turn", unit="epoch", null="never",
    )  # fmt: skip
    init_handicap: float = key(
        "Factor on p(0) of the last pathway.", 1.0, label="initial $p$ of b over that of a", gt=0, le=1000
    )
    depth_handicap: int = key(
        "Weight matrices of the last pathway beyond depth.", 0, label="further layers of b", ge=0, le=100
    )
    edge_step: Annotated[float, Field(gt=0, le=1000)] | None = key(
        "Learning rate in units of 2 / sharpness of the minimum where one pathway has everything, in place of "
        "learning_rate; needs imbalance 0.",
        None, label="learning rate / stable limit",
    )  # fmt: skip
    epochs_at_rate: Rate | None = key(
        "Learning rate at which all epochs are counted; at another, there are as many as take the same time.",
        None, null="its own",
    )  # fmt: skip
    portrait: bool = key("Whether to keep trajectories in the plane of K and the flow, for phase portraits.", True)

    def check(self, place: str) -> None:
        """Refuse, beside deficits that cannot be, too many turns and initial values that no real q has."""
        super().check(place)
        turns = math.ceil(self.duration_at_onset(place) / (self.alternate_every or math.inf))
        if turns > MOST_TURNS:
            raise ConfigError(f"{place}: duration / alternate_every", turns, f"{MOST_TURNS} turns of the pathways")
        if self.edge_step is not None:
            where = "where edge_step sets the learning rate"
            self.require(place, "imbalance", self.imbalance == 0, f"0, {where}")
            self.require(place, "depth", isinstance(self.depth, int), f"a number, {where}")
        if self.init_p is not None:
            self._check_init_p(place, self.init_p)
        else:
            real = self.imbalance >= 0 or (self.init_sd == 0 and self.init_mean**2 >= -self.imbalance)
            self.require(place, "imbalance", real, "-init_mean^2 or more, 0 or more where init_sd > 0")

    def _check_init_p(self, place: str, starts: list[list[float]]) -> None:
        """Refuse initial conditions of other numbers, of which no real q has the imbalance, or that are drawn too."""
        wanted = [self.n_trajectories, self.n_pathways]
        allowed = f"{wanted[0]} lists of {wanted[1]} numbers, by n_trajectories and n_pathways"
        self.require(place, "init_p", [len(starts), *{len(scales) for scales in starts}] == wanted, allowed)
        for name in ("init_mean", "init_sd"):
            self.require(place, name, getattr(self, name) == 0, "0, where init_p is given")
        least = -((min(abs(p) for scales in starts for p in scales) * min(self.init_handicap, 1)) ** 2)
        self.require(place, "imbalance", self.imbalance >= least, f"{least:g} or more, minus p(0)^2")

    def identity(self) -> dict[str, Any]:
        """Parameters with `edge_step` as a learning rate, and epochs at another rate as those at the cell's own."""
        found = super().identity()
        edge_step, rate = found.pop("edge_step"), found.pop("epochs_at_rate")
        if edge_step is not None and isinstance(self.depth, int):  # as check() has it
            found["learning_rate"] = edge_step * 2 / (self.depth * self.singular_value ** (2 - 2 / self.depth))
        if rate is None:
            return found
        pace = rate / found["learning_rate"]
        ends = {name: found[name] + found[onset] for onset, name in WINDOWS if found[name]}
        for name in EPOCHS:
            if found[name]:
                found[name] = max(1, round(found[name] * pace))
        # Windows end where their ends are rounded to, so that they stay inside the run.
        for onset, name in WINDOWS:
            if name in ends:
                end = max(1, round(ends[name] * pace))
                found[onset] = min(found[onset], end - 1)
                found[name] = end - found[onset]
        return found

    @staticmethod
    def simulate(*cells: Any, **options: Any) -> xr.Dataset:
        """Integrate eqs 7 and 8."""
        from critical_periods.models.pathways.simulation.simulate_scalar import simulate_scalar

        return simulate_scalar(*cells, **options)

    @staticmethod
    def predict(dataset: xr.Dataset, parameters: Mapping[str, Any], axes: Mapping[str, Any]) -> xr.Dataset:
        """Closing of the period, in theory."""
        from critical_periods.models.pathways.theory import predict

        return predict(dataset, parameters, axes)

    @staticmethod
    def derive(dataset: xr.Dataset) -> xr.Dataset:
        """What follows from the shares of the pathways."""
        from critical_periods.models.pathways.derived import derive

        return derive(dataset)

    @staticmethod
    def axis_values(parameters: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
        """Pathways and the only mode."""
        return {"pathway": pathway_names(parameters["n_pathways"]), "mode": (1,)}

    @staticmethod
    def explored(parameters: Mapping[str, Any]) -> bool:
        """All but cells with initial conditions of their own: the page draws its own."""
        return "init_p" not in parameters


class PathwayNetworkModel(Deficits):
    """Multi-pathway network on the hierarchical task (section 3, eqs 1-5, 11)."""

    name = "pathway_network"
    rule = "train_pathways"
    message = "Training multi-pathway networks, {cells}; progress in {log}"
    minutes = (20, 10)
    solvers = ("gradient_descent", "gradient_flow")
    cost = staticmethod(network_cost)
    variables = PATHWAY_NETWORK

    dtype: PrecisionName = key("Floating-point precision of training.")
    branching: Annotated[list[Annotated[int, Field(ge=2, le=1000)]], Field(min_length=1, max_length=12)] = key(
        "Children of a node at each level of the hierarchical task's tree, root first."
    )
    width: Width | Annotated[list[Width], Field(min_length=1, max_length=26)] = key(
        "Units in each hidden layer, at least one for every mode; a list for one of its own each."
    )
    activation: ActivationName = key(
        "Function after every layer of a pathway, its output too; linear for none.", "linear", label="activation"
    )
    init_scale: float = key(
        "End-to-end singular value of every mode and pathway at the start.", label="initial scale", gt=0, le=1000
    )
    init_noise: float = key(
        "Standard deviation, relative to init_scale, of these singular values over modes.", ge=0, le=1
    )
    lesioned_modes: Annotated[
        list[Annotated[int, Field(ge=1, le=10_000)]], Field(min_length=0, max_length=10_000), *UNIQUE
    ] = key("Modes that the lesioned pathway cannot express, counted from 1 in descending order.", [])

    def check(self, place: str) -> None:
        """Refuse, beside deficits that cannot be, shapes and lesions that do not fit the task or the pathways."""
        super().check(place)
        modes = math.prod(self.branching)
        self.check_for_each(place, "width")
        narrowest = min(self.width if isinstance(self.width, list) else [self.width])
        self.require(place, "width", narrowest >= modes, f"{modes} or more, the number of modes")
        for mode in self.lesioned_modes:
            if mode > modes:
                raise ConfigError(f"{place}: lesioned_modes", mode, f"1 to {modes}, the number of modes")
        allowed = f"one of {', '.join(pathway_names(self.n_pathways))}, as modes are lesioned"
        self.require(place, "lesioned_pathway", self.lesioned_pathway is not None or not self.lesioned_modes, allowed)
        check_init_scale(place, self.init_scale, self.dtype, modes)

    @staticmethod
    def simulate(*cells: Any, **options: Any) -> xr.Dataset:
        """Train a network."""
        from critical_periods.models.pathways.simulation.simulate_network import simulate_network

        return simulate_network(*cells, **options)

    @staticmethod
    def derive(dataset: xr.Dataset) -> xr.Dataset:
        """Whether networks have learned."""
        from critical_periods.models.pathways.derived import derive_learning

        return derive_learning(dataset)

    @staticmethod
    def axis_values(parameters: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
        """Pathways and modes; and who computed them, where there is a scalar reduction to compare with."""
        modes, compared = range(1, math.prod(parameters["branching"]) + 1), linear(parameters)
        return {
            "pathway": pathway_names(parameters["n_pathways"]),
            **dict.fromkeys(("mode", "output_mode", "input_mode"), modes),
            "solver": ("gradient_descent", "ode") if compared else (),
            "integration": ("euler", "exact", "shadowing") if compared else (),
        }


class GatingSchedules(ModelSpec):
    """Every way to spend a budget of gating of pathway b, for one mode of pathways that begin alike (eqs 6-8)."""

    name = "gating_schedules"
    rule = "gating_schedules"
    message = "Integrating pathways under every schedule of gating, {cells}; results in {log}"
    minutes = (10, 2)
    cost = staticmethod(schedules_cost)
    variables = GATING_SCHEDULES

    n_pathways: int = key("Number of pathways, named a, b, c, ...", label="pathways", ge=2, le=26)
    depth: Depth = key("Number D of weight matrices of a pathway.", label="depth $D$")
    singular_value: float = key("Singular value s that the pathways have to add up to.", gt=0, le=1_000_000)
    imbalance: Imbalance
    init_mean: float = key("p(0) of all pathways, which add up to less than s.", ge=0, le=1000)
    learning_rate: Rate = key("Units of gradient-flow time in an epoch.", label="learning rate")
    epochs: SomeEpochs = key("Epochs of training.", unit="epoch")
    slots: int = key("Slots, from the first epoch on, in each of which b is gated, half gated, or free.", ge=2, le=12)
    slot_epochs: SomeEpochs = key("Epochs of a slot; all slots lie within the epochs of training.", unit="epoch")
    budget: int = key(
        "Slots that all of the gating would fill; at most half of them.", label="budget of gating (slots)", ge=1, le=6
    )
    rtol: Tolerance = key("Relative tolerance of adaptive integration.")
    atol: Tolerance = key("Absolute tolerance of adaptive integration.")

    def check(self, place: str) -> None:
        """Refuse budgets and slots that do not fit, and beginnings that no real q has or from which nothing grows."""
        most, half = self.epochs / self.slots, self.slots // 2
        self.require(place, "slot_epochs", self.slot_epochs < most, f"less than epochs / slots = {most:g}")
        self.require(place, "budget", self.budget <= half, f"1 to {half}, half of the slots")
        square = self.imbalance + self.init_mean**2
        self.require(place, "imbalance", square > 0, f"above {-(self.init_mean**2):g} = -init_mean^2")
        start = self.n_pathways * self.init_mean * square ** ((self.depth - 1) / 2)
        self.require(place, "init_mean", start < self.singular_value, "less, as K(0) of all pathways exceed s")

    @staticmethod
    def simulate(*cells: Any, **options: Any) -> xr.Dataset:
        """Integrate pathways under every schedule."""
        from critical_periods.models.pathways.simulation.simulate_schedules import simulate_schedules

        return simulate_schedules(*cells, **options)

    @staticmethod
    def predict(dataset: xr.Dataset, parameters: Mapping[str, Any], axes: Mapping[str, Any]) -> xr.Dataset:
        """Whether pathways learn that nothing gates."""
        from critical_periods.models.pathways.theory import predict_learning

        return predict_learning(dataset, parameters, axes)

    @staticmethod
    def axis_values(parameters: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
        """Schedules with a name."""
        return {"strategy": ("worst", "first", "every other", "thin", "last", "best")}


MODELS = (ScalarPathwaysModel, PathwayNetworkModel, GatingSchedules)
