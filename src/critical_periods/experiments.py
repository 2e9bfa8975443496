"""From the configuration to cells and the jobs that compute them.

Imported whenever the workflow is planned, so it needs nothing heavier than a JSON schema validator.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import math
import reprlib
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jsonschema

from critical_periods.precision import PRECISIONS

#: Keys of the configuration's top level that every cell whose model knows them takes over.
SHARED_PARAMETERS = ("solver", "dtype", "device", "gradient_flow")

#: Axes that the datasets of a model have beside `seed` and what varies.
RECORDED_AXES = {
    "matrix_completion": ("switch_epoch", "epoch", "mode", "task"),
    "scalar_pathways": ("epoch", "pathway", "trajectory"),
    "pathway_network": ("epoch", "pathway", "mode", "solver"),
    "singular_flow": ("switch_epoch", "epoch", "mode", "solver"),
    "shared_modes": ("epoch", "mode", "solver"),
}

#: Size of a matrix of digits (`critical_periods.tasks.digits_matrix`), and a rank that any draw of its images has.
DIGITS_SIZE = 64
LARGEST_DIGITS_RANK = 40

#: Most cells that all experiments of a configuration may have together: planning them takes minutes.
MOST_CELLS = 1_000_000

#: Most items of one list, the largest `maxItems` of the schema.
LONGEST_LIST = 10_000

#: Most values of a configuration, aliases counted as often as they are used.
MOST_VALUES = 1_000_000

#: Levels below which nothing of a configuration lies.
DEEPEST_LEVEL = 20

#: Most turns of pathways that are gated one after the other.
MOST_TURNS = 1000

#: Parameters that count epochs.
EPOCHS = ("epochs", "onset", "duration", "alternate_every", "lesion_onset", "lesion_duration", "record_every")

#: Onset and length of the deficits of pathways.
WINDOWS = (("onset", "duration"), ("lesion_onset", "lesion_duration"))

#: Largest absolute value of an integer: that of 64 bits.
LARGEST_INTEGER = 2**63 - 1


class ConfigError(ValueError):
    """The configuration asks for something that cannot be: names the key, the value and what is allowed."""

    def __init__(self, key: str, value: Any, allowed: str) -> None:
        super().__init__(f"{_line(key)} = {_line(_REPR.repr(value))}; allowed: {_line(allowed, 2000)}")


@dataclass(frozen=True)
class Cell:
    """One point of a parameter grid: what one simulation needs to know, and nothing else.

    Parameters
    ----------
    model
        Name of the model, a key of `models` in the configuration.
    parameters
        Every parameter of the model, and the seed.
    """

    model: str
    parameters: Mapping[str, Any]

    @cached_property
    def id(self) -> str:
        """Identity: 16 hexadecimal digits that depend on model and parameters alone."""
        return _digest([self.model, self.parameters])

    def __str__(self) -> str:
        """Model and parameters in one line, for logs and errors."""
        return f"{self.model} cell {self.id} ({_words(self.parameters)})"


@dataclass(frozen=True)
class Bundle:
    """Cells that one job computes and one file holds."""

    cells: tuple[Cell, ...]

    @cached_property
    def id(self) -> str:
        """The cell's own identity if there is only one, else one that depends on all of them."""
        ids = [cell.id for cell in self.cells]
        return ids[0] if len(ids) == 1 else _digest(ids)


@dataclass(frozen=True)
class Experiment:
    """A named grid of the configuration.

    Parameters
    ----------
    name
        Its name in the configuration.
    title
        One line that says what it shows.
    model
        The model of its cells.
    axes
        The parameters that vary and their values, seeds first.
    cells
        Coordinates (one value for each axis) -> cell.
    """

    name: str
    title: str
    model: str
    axes: Mapping[str, tuple[Any, ...]]
    cells: Mapping[tuple[Any, ...], Cell]


class Plan:
    """Everything a configuration asks for: experiments, cells, and the jobs that compute them.

    Parameters
    ----------
    config
        A configuration, not yet validated.
    schema
        JSON schema of the configuration.

    Raises
    ------
    ConfigError
        If the configuration does not follow the schema, or asks for something impossible.
    """

    def __init__(self, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        validate(config, schema)
        self.config, self.schema = config, schema
        self._check_sizes()
        self.experiments = {name: self._experiment(name) for name in config["experiments"]}
        for name, figure in config["figures"].items():
            for index, panel in enumerate(figure["panels"]):
                self._check_panel(f"figures.{name}.panels[{index}]", panel)
        self.bundles: dict[str, Bundle] = {}
        self.bundle_of: dict[str, Bundle] = {}
        for experiment in self.experiments.values():
            self._bundle(experiment.cells.values())
        for experiment in self.experiments.values():
            cells = (cell for cell in experiment.cells.values() if cell.model == "matrix_completion")
            self._bundle(pretraining(cell) for cell in cells)

    def experiment_bundles(self, name: str) -> list[Bundle]:
        """Bundles that hold the cells of an experiment, each once."""
        cells = self.experiments[name].cells.values()
        return list({self.bundle_of[cell.id].id: self.bundle_of[cell.id] for cell in cells}.values())

    def pretraining_bundles(self, bundle: Bundle) -> list[Bundle]:
        """Bundles that hold the pre-training of a bundle of matrix-completion cells, each once."""
        ids = [pretraining(cell).id for cell in bundle.cells]
        return list({self.bundle_of[id].id: self.bundle_of[id] for id in ids}.values())

    def _bundle(self, cells: Iterable[Cell]) -> None:
        """Put the cells not yet planned into bundles, as many of one model in a bundle as the configuration says."""
        new = {cell.id: cell for cell in cells if cell.id not in self.bundle_of}
        limits = self.config["cells_per_job"]
        by_kind: dict[tuple[str, str], list[Cell]] = {}
        for cell in new.values():
            kind = cell.model if cell.model in limits else cell.parameters["solver"]
            by_kind.setdefault((cell.model, kind), []).append(cell)
        for (_, kind), members in by_kind.items():
            for start in range(0, len(members), limits[kind]):
                bundle = Bundle(tuple(members[start : start + limits[kind]]))
                self.bundles[bundle.id] = bundle
                self.bundle_of.update((cell.id, bundle) for cell in bundle.cells)

    def _check_sizes(self) -> None:
        """Refuse grids of too many cells before any of them is expanded."""
        total = 0
        for name, settings in self.config["experiments"].items():
            lengths = [len(settings.get("seeds", self.config["seeds"])), *map(len, settings.get("vary", {}).values())]
            total += math.prod(lengths)
            if total > MOST_CELLS:
                product = " x ".join(map(str, lengths))
                raise ConfigError(f"experiments.{name}: cells", product, f"{MOST_CELLS} in all experiments together")

    def _check_panel(self, key: str, panel: Mapping[str, Any]) -> None:
        """Refuse a panel that asks for what its experiment does not have."""
        name = panel["experiment"]
        if name not in self.experiments:
            raise ConfigError(f"{key}.experiment", name, _one_of(name, self.experiments))
        experiment = self.experiments[name]
        selected = panel.get("select", {})
        known = self._axes_drawn(experiment) if "chart" in panel else experiment.axes
        points = panel.get("chart") == "prediction"
        roles = ("lines", "columns", "markers") if points else ("x", "y", "lines", "columns")
        spread = {role: panel[role] for role in roles if role in panel}
        for parameter, value in selected.items():
            if parameter not in known:
                raise ConfigError(f"{key}.select", parameter, _one_of(parameter, known))
            if known[parameter] and not any(_same(value, other) for other in known[parameter]):
                raise ConfigError(f"{key}.select.{parameter}", value, _one_of(value, known[parameter]))
        for role, parameter in spread.items():
            if parameter not in known:
                raise ConfigError(f"{key}.{role}", parameter, _one_of(parameter, known))
            if list(spread.values()).count(parameter) > 1:
                raise ConfigError(f"{key}.{role}", parameter, "an axis of its own for each of " + ", ".join(spread))
        for axis, values in experiment.axes.items():
            if axis not in ("seed", *spread.values(), *selected) and len(values) > 1 and not points:
                raise ConfigError(f"{key}.select", dict(selected), f"with one of the values of {axis}, which varies")
        available = {epoch for cell in experiment.cells.values() for epoch in cell.parameters.get("switch_epochs", [])}
        for epoch in panel.get("switch_epochs", []):
            if epoch not in available:
                raise ConfigError(f"{key}.switch_epochs", epoch, _one_of(epoch, sorted(available)))

    def _axes_drawn(self, experiment: Experiment) -> dict[str, tuple[Any, ...]]:
        """Axes of an experiment's dataset and their values, none where only the dataset knows them."""
        cells = [cell.parameters for cell in experiment.cells.values()]
        values = {
            "switch_epoch": {epoch for parameters in cells for epoch in parameters.get("switch_epochs", ())},
            "pathway": string.ascii_lowercase[: max(parameters.get("n_pathways", 0) for parameters in cells)],
        }
        recorded = {axis: tuple(sorted(values.get(axis, ()))) for axis in RECORDED_AXES[experiment.model]}
        return recorded | dict(experiment.axes)

    def _experiment(self, name: str) -> Experiment:
        config = self.config
        settings = config["experiments"][name]
        model, key = settings["model"], f"experiments.{name}"
        allowed = self.schema["$defs"][model]["properties"]
        shared = {key: config[key] for key in SHARED_PARAMETERS if key in allowed}
        fixed, vary = settings.get("set", {}), settings.get("vary", {})
        for part, values in (("set", fixed), ("vary", vary)):
            for parameter in values:
                if parameter not in allowed:
                    raise ConfigError(f"{key}.{part}", parameter, _one_of(parameter, allowed))
        for parameter, values in vary.items():
            if parameter in fixed:
                raise ConfigError(f"{key}.set", parameter, "a parameter that the experiment does not vary")
            for value in values:
                if isinstance(value, list | Mapping):
                    raise ConfigError(f"{key}.vary.{parameter}", value, "numbers and words, no lists and no keys")
        axes = {"seed": tuple(settings.get("seeds", config["seeds"]))} | {k: tuple(v) for k, v in vary.items()}
        defaults = shared | dict(config["models"][model]) | dict(fixed)
        # The schema judges every parameter by itself: each value of an axis once is enough, however large the grid.
        first = defaults | {parameter: values[0] for parameter, values in vary.items()}
        for parameters in [first] + [first | {name: value} for name, values in vary.items() for value in values[1:]]:
            validate(parameters, self.schema["$defs"][model], root=self.schema, key=key)
        cells = {}
        for values in itertools.product(*axes.values()):
            parameters = defaults | dict(zip(axes, values, strict=True))
            seed = parameters.pop("seed")
            parameters = _canonical(parameters, allowed)
            CHECKS.get(model, lambda parameters, key: None)(parameters, key)
            cells[values] = Cell(model, _resolve(model, parameters) | {"seed": seed})
        return Experiment(name, settings["title"], model, axes, cells)


def figure_experiments(figure: Mapping[str, Any]) -> list[str]:
    """Names of the experiments that a figure of the configuration is drawn from, in order, each once."""
    return list(dict.fromkeys(panel["experiment"] for panel in figure["panels"]))


def pretraining(cell: Cell) -> Cell:
    """The pre-training that a matrix-completion cell starts from; cells that agree in it share it.

    Parameters
    ----------
    cell
        A cell of the model `matrix_completion`.
    """
    without = {"final_epochs", "cycle_factor", "cycle_epochs"}
    if not cell.parameters["onset"] and not cell.parameters["diagnostics"]:
        without |= {"final_matrix", "final_rank", "n_observed"}
    return Cell("pretraining", {name: value for name, value in cell.parameters.items() if name not in without})


def validate(instance: Any, schema: Mapping[str, Any], root: Mapping[str, Any] | None = None, key: str = "") -> None:
    """Check a configuration, or a part of it, against its JSON schema.

    Parameters
    ----------
    instance
        The configuration, or a part of it.
    schema
        The schema, or a part of it.
    root
        The whole schema, for references, where `schema` is a part.
    key
        Key of the part in the configuration, for errors.

    Raises
    ------
    ConfigError
        On the first violation, with key, value and what is allowed.
    """
    _check_values(instance, key)
    if root is not None:
        schema = {**schema, "$defs": root["$defs"]}
    error = jsonschema.exceptions.best_match(_Validator(schema).iter_errors(instance), key=_relevance)
    if error is not None:
        raise _config_error(error, key, schema.get("$defs", {}))


def _relevance(error: jsonschema.ValidationError) -> tuple[Any, ...]:
    """The key of jsonschema, which can't compare the paths of errors where keys are words and numbers."""
    depth, path, *rest = jsonschema.exceptions.relevance(error)
    return depth, [(type(part).__name__, part) for part in path], *rest


def _check_values(instance: Any, key: str) -> None:
    """Refuse what would make validation itself slow or endless, and the numbers that JSON does not know."""
    for count, (name, level, value) in enumerate(_values(instance, key)):
        if count >= MOST_VALUES:
            raise ConfigError(name, value, f"{MOST_VALUES} values in the whole configuration")
        if level > DEEPEST_LEVEL:
            raise ConfigError(name, value, f"{DEEPEST_LEVEL} levels at most")
        if isinstance(value, list | tuple) and len(value) > LONGEST_LIST:
            raise ConfigError(name, value, f"{LONGEST_LIST} items at most in any list")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(name, value, "finite numbers")
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            raise ConfigError(name, value, "integers of 64 bits")


def _items_of_bounded_list(validator: Any, items: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """`items`, unless the list is too long anyway: then that is the one error."""
    if not _too_long(instance, schema):
        yield from jsonschema.Draft202012Validator.VALIDATORS["items"](validator, items, instance, schema)


def _unique_items(validator: Any, unique: bool, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """`uniqueItems` in linear time: jsonschema compares all pairs where items cannot be sorted."""
    if unique and isinstance(instance, list) and not _too_long(instance, schema):
        seen = {json.dumps(_comparable(item), sort_keys=True, default=repr) for item in instance}
        if len(seen) < len(instance):
            yield jsonschema.ValidationError("an item twice")


def _too_long(instance: Any, schema: Mapping[str, Any]) -> bool:
    return isinstance(instance, list) and len(instance) > schema.get("maxItems", LONGEST_LIST)


def _comparable(value: Any) -> Any:
    """A value in which equal numbers are written alike."""
    if isinstance(value, Mapping):
        return {str(name): _comparable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


# An integer is written as one: 3.0 would be another parameter than 3, and a cell of its own.
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"items": _items_of_bounded_list, "uniqueItems": _unique_items},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda checker, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def _config_error(error: jsonschema.ValidationError, key: str, definitions: Mapping[str, Any]) -> ConfigError:
    path = ".".join([key] * bool(key) + [str(part) for part in error.absolute_path]) or "configuration"
    if error.validator in ("additionalProperties", "propertyNames") and "properties" in error.schema:
        unknown = sorted(set(error.instance) - set(error.schema["properties"]), key=str)[0]
        return ConfigError(f"{path}: unknown key", unknown, _one_of(unknown, error.schema["properties"]))
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return ConfigError(f"{path}: missing key", missing, f"all of {', '.join(error.validator_value)}")
    return ConfigError(path, error.instance, _allowed(error.schema, definitions))


def _allowed(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A part of a JSON schema in words."""
    if "$ref" in schema:
        return _allowed(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    for combination in ("anyOf", "oneOf"):
        if combination in schema:
            return " or ".join(_allowed(option, definitions) for option in schema[combination])
    kinds = schema.get("type", [])
    words = " or ".join([kinds] if isinstance(kinds, str) else kinds)
    limits = {
        "minimum": "at least {}",
        "exclusiveMinimum": "above {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "below {}",
        "minItems": "{} or more items",
        "maxItems": "{} items at most",
        "minProperties": "{} or more keys",
    }
    bounds = [text.format(schema[name]) for name, text in limits.items() if name in schema]
    if "pattern" in schema:
        bounds.append(str(schema.get("description", f"matching {schema['pattern']}")).rstrip("."))
    if schema.get("uniqueItems"):
        bounds.append("no item twice")
    return ", ".join([words, *bounds] if words else bounds) or str(schema.get("description", "see the schema"))


def _check_matrix_completion(parameters: Mapping[str, Any], key: str) -> None:
    size, switch_epochs = parameters["size"], parameters["switch_epochs"]
    for name in ("pretrain_rank", "final_rank", "n_singular_values"):
        if parameters[name] > size:
            raise ConfigError(f"{key}: {name}", parameters[name], f"1 to size = {size}")
    for name in ("n_observed", "pretrain_n_observed"):
        if parameters[name] is not None and parameters[name] > size**2:
            raise ConfigError(f"{key}: {name}", parameters[name], f"1 to size^2 = {size**2}")
    if list(switch_epochs) != sorted(set(switch_epochs)):
        raise ConfigError(f"{key}: switch_epochs", switch_epochs, "ascending, none twice")
    if switch_epochs[0] != 0:
        raise ConfigError(
            f"{key}: switch_epochs", switch_epochs, "0 first: it is what relative accuracy is relative to"
        )
    _check_matrices(parameters, key)
    _check_updates(parameters, key)
    _check_init_scale(parameters, size, key)
    if parameters["solver"] == "gradient_flow":
        _check_tolerances(parameters["gradient_flow"], parameters["dtype"], f"{key}: gradient_flow")


def _check_matrices(parameters: Mapping[str, Any], key: str) -> None:
    """Check that structured observations and real matrices can be had in the size and rank asked for."""
    size = parameters["size"]
    within = (size // 2) ** 2 + (size - size // 2) ** 2
    for name in ("n_observed", "pretrain_n_observed"):
        if parameters["observations"] in ("disconnected", "connected") and (parameters[name] or 0) > within:
            raise ConfigError(f"{key}: {name}", parameters[name], f"1 to {within}, the entries of two blocks")
    for task in ("pretrain", "final"):
        if parameters[f"{task}_matrix"] == "digits":
            rank = parameters[f"{task}_rank"]
            if size != DIGITS_SIZE:
                raise ConfigError(f"{key}: size", size, f"{DIGITS_SIZE} where {task}_matrix = digits")
            if rank > LARGEST_DIGITS_RANK:
                raise ConfigError(f"{key}: {task}_rank", rank, f"1 to {LARGEST_DIGITS_RANK} where it is of digits")


def _check_init_scale(parameters: Mapping[str, Any], size: int, key: str) -> None:
    """Check that the entries of the initial W, of some init_scale / sqrt(size), are no smaller than floats can be."""
    least = PRECISIONS[parameters["dtype"]].smallest * math.sqrt(size)
    if parameters["init_scale"] < least:
        allowed = f"{least:.3g} or more, as entries of the initial W vanish below in {parameters['dtype']}"
        raise ConfigError(f"{key}: init_scale", parameters["init_scale"], allowed)


def _check_tolerances(tolerances: Mapping[str, Any], dtype: str, key: str) -> None:
    """Check that the precision resolves the tolerances of an integration."""
    for name in ("rtol", "atol"):
        least = getattr(PRECISIONS[dtype], name)
        if tolerances[name] < least:
            raise ConfigError(f"{key}.{name}", tolerances[name], f"{least:.3g} or more in {dtype}")


def _check_updates(parameters: Mapping[str, Any], key: str) -> None:
    """Check that epochs counted at another learning rate are whole updates at the cell's own."""
    rate = parameters["learning_rate"]
    pace = (parameters["epochs_at_rate"] or rate) / rate
    for name in ("onset", "switch_epochs", "final_epochs", "record_every"):
        for epochs in parameters[name] if name == "switch_epochs" else [parameters[name]]:
            if abs(pace * epochs - round(pace * epochs)) > 1e-6 * max(1, pace * epochs):
                allowed = f"epochs that are whole updates at learning_rate = {rate:g}, not {pace * epochs:g}"
                raise ConfigError(f"{key}: {name}", epochs, allowed)


def _check_scalar_pathways(parameters: Mapping[str, Any], key: str) -> None:
    names = _check_gating(parameters, key)
    _check_lesion(parameters, names, key)
    turns = math.ceil((_duration(parameters) or 0) / (parameters["alternate_every"] or math.inf))
    if turns > MOST_TURNS:
        raise ConfigError(f"{key}: duration / alternate_every", turns, f"{MOST_TURNS} turns of the pathways")
    if parameters["edge_step"] is not None and parameters["imbalance"] != 0:
        raise ConfigError(f"{key}: imbalance", parameters["imbalance"], "0, where edge_step sets the learning rate")
    imbalance, mean, spread = (parameters[name] for name in ("imbalance", "init_mean", "init_sd"))
    if imbalance < 0 and (spread > 0 or mean**2 < -imbalance):
        raise ConfigError(f"{key}: imbalance", imbalance, "-init_mean^2 or more, 0 or more where init_sd > 0")


def _check_pathway_network(parameters: Mapping[str, Any], key: str) -> None:
    names = _check_gating(parameters, key)
    modes = math.prod(parameters["branching"])
    for name in ("depth", "width"):
        if isinstance(parameters[name], list) and len(parameters[name]) != len(names):
            raise ConfigError(f"{key}: {name}", parameters[name], f"a number, or {len(names)} of them")
    width = parameters["width"]
    if min(width if isinstance(width, list) else [width]) < modes:
        raise ConfigError(f"{key}: width", width, f"{modes} or more, the number of modes")
    for mode in parameters["lesioned_modes"]:
        if mode > modes:
            raise ConfigError(f"{key}: lesioned_modes", mode, f"1 to {modes}, the number of modes")
    if parameters["lesioned_pathway"] is None and parameters["lesioned_modes"]:
        raise ConfigError(f"{key}: lesioned_pathway", None, f"one of {', '.join(names)}, as modes are lesioned")
    _check_lesion(parameters, names, key)
    _check_init_scale(parameters, modes, key)


def _check_lesion(parameters: Mapping[str, Any], names: str, key: str) -> None:
    lesioned = parameters["lesioned_pathway"]
    if lesioned is None:
        return
    if lesioned not in names:
        raise ConfigError(f"{key}: lesioned_pathway", lesioned, _one_of(lesioned, names))
    _check_window("lesion", parameters["lesion_onset"], parameters["lesion_duration"] or 0, parameters["epochs"], key)


def _check_gating(parameters: Mapping[str, Any], key: str) -> str:
    """Check what all models of pathways share; returns the names of the pathways."""
    names = string.ascii_lowercase[: parameters["n_pathways"]]
    if parameters["gated_pathway"] not in names:
        raise ConfigError(f"{key}: gated_pathway", parameters["gated_pathway"], f"one of {', '.join(names)}")
    if isinstance(parameters["duration"], list):
        onsets_given = [pair["onset"] for pair in parameters["duration"]]
        for onset in onsets_given:
            if onsets_given.count(onset) > 1:
                raise ConfigError(f"{key}: duration", parameters["duration"], f"one duration for onset {onset}")
    duration = _duration(parameters)
    if duration is None:
        onsets = ", ".join(str(pair["onset"]) for pair in parameters["duration"])
        raise ConfigError(f"{key}: onset", parameters["onset"], f"an onset with a duration, one of {onsets}")
    _check_window("gating", parameters["onset"], duration, parameters["epochs"], key)
    return names


def _duration(parameters: Mapping[str, Any]) -> int | None:
    """Duration of the gating deficit: one for all onsets, or that of the cell's; None if there is none for it."""
    duration = parameters["duration"]
    if isinstance(duration, int):
        return duration
    return {pair["onset"]: pair["duration"] for pair in duration}.get(parameters["onset"])


def _check_window(name: str, onset: int, duration: int, epochs: int, key: str) -> None:
    if onset + duration > epochs:
        raise ConfigError(
            f"{key}: {name} [onset, onset + duration)", [onset, onset + duration], f"0 to {epochs} epochs"
        )


def _check_product(parameters: Mapping[str, Any], key: str) -> None:
    """Check what the models of the product matrix share."""
    size, switch_epochs = parameters["size"], parameters.get("switch_epochs", [])
    for name in ("pretrain_rank", "final_rank", "n_singular_values"):
        if parameters[name] > size:
            raise ConfigError(f"{key}: {name}", parameters[name], f"1 to size = {size}")
    if parameters["n_observed"] > size**2:
        raise ConfigError(f"{key}: n_observed", parameters["n_observed"], f"1 to size^2 = {size**2}")
    if list(switch_epochs) != sorted(set(switch_epochs)):
        raise ConfigError(f"{key}: switch_epochs", switch_epochs, "ascending, none twice")


def _check_singular_flow(parameters: Mapping[str, Any], key: str) -> None:
    _check_product(parameters, key)
    _check_init_scale(parameters, 1, key)  # a diagonal matrix


def _check_shared_modes(parameters: Mapping[str, Any], key: str) -> None:
    _check_product(parameters, key)
    _check_init_scale(parameters, parameters["size"], key)


#: model -> check of what a JSON schema cannot say, called with the parameters of a cell and the experiment's key.
CHECKS = {
    "matrix_completion": _check_matrix_completion,
    "scalar_pathways": _check_scalar_pathways,
    "pathway_network": _check_pathway_network,
    "singular_flow": _check_singular_flow,
    "shared_modes": _check_shared_modes,
}


def _resolve(model: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Give parameters that follow from others their value, so that equal simulations have equal identity."""
    if model == "matrix_completion":
        if parameters["pretrain_task"] == "same":
            parameters["pretrain_rank"] = parameters["final_rank"]
            parameters["pretrain_matrix"] = parameters["final_matrix"]
        if parameters["pretrain_n_observed"] is None:
            parameters["pretrain_n_observed"] = parameters["n_observed"]
        if parameters["epochs_at_rate"] == parameters["learning_rate"]:
            parameters["epochs_at_rate"] = None
        if parameters["cycle_factor"] == 1:
            parameters["cycle_epochs"] = None
    if "duration" in parameters:
        parameters["duration"] = _duration(parameters)
    if model == "scalar_pathways":
        _resolve_steps(parameters)
    if parameters.get("solver") == "gradient_descent":
        parameters.pop("gradient_flow", None)
    return parameters


def _resolve_steps(parameters: dict[str, Any]) -> None:
    """Turn `edge_step` into a learning rate, and epochs at another learning rate into those at the cell's own."""
    edge_step, rate = parameters.pop("edge_step"), parameters.pop("epochs_at_rate")
    if edge_step is not None:
        depth = parameters["depth"]
        parameters["learning_rate"] = edge_step * 2 / (depth * parameters["singular_value"] ** (2 - 2 / depth))
    if rate is None:
        return
    pace = rate / parameters["learning_rate"]
    ends = {name: parameters[name] + parameters[onset] for onset, name in WINDOWS if parameters[name]}
    for name in EPOCHS:
        if parameters[name]:
            parameters[name] = max(1, round(parameters[name] * pace))
    # Windows end where their ends are rounded to, so that they stay inside the run.
    for onset, name in WINDOWS:
        if name in ends:
            end = max(1, round(ends[name] * pace))
            parameters[onset] = min(parameters[onset], end - 1)
            parameters[name] = end - parameters[onset]


def _canonical(parameters: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers that the schema calls `number` as floats, so that 1 and 1.0 are the same parameter."""
    return {
        name: float(value)
        if properties[name].get("type") == "number" and isinstance(value, int)
        else json.loads(json.dumps(value))
        for name, value in parameters.items()
    }


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _words(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())


def _one_of(value: Any, names: Iterable[Any]) -> str:
    known = [str(name) for name in names]
    close = difflib.get_close_matches(str(value), known, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return ", ".join(known) + hint


def _same(value: Any, other: Any) -> bool:
    """Whether two values of the configuration are equal; true is not 1."""
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)


def _values(value: Any, key: str) -> Iterator[tuple[str, int, Any]]:
    """All values of a nested structure with their keys and levels, each before what it holds."""
    waiting = [(key, 0, value)]
    while waiting:
        key, level, value = waiting.pop()
        yield key, level, value
        if isinstance(value, Mapping):
            for name, item in reversed(list(value.items())):
                waiting.append((f"{key}.{name}" if key else str(name), level + 1, item))
        elif isinstance(value, list | tuple):
            waiting.extend((f"{key}[{index}]", level + 1, value[index]) for index in reversed(range(len(value))))


class _Repr(reprlib.Repr):
    """repr of values of any size, no longer than an error's line can be."""

    def repr_int(self, x: int, level: int) -> str:
        """Decimal digits, of which Python refuses to write thousands."""
        return repr(x) if abs(x) <= LARGEST_INTEGER else f"<integer of {x.bit_length()} bits>"


_REPR = _Repr()
_REPR.maxlevel, _REPR.maxdict, _REPR.maxlist, _REPR.maxtuple = 3, 8, 20, 20
_REPR.maxstring = _REPR.maxother = 120


def _line(text: str, longest: int = 200) -> str:
    """A text as one line of printable characters, cut where it is longer."""
    printable = "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text[:longest]
    )
    return printable if len(text) <= longest else printable + "..."
