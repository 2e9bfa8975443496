"""The configuration as a whole: its keys but for the parameters of models, which these declare themselves."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from critical_periods.analysis.claims import Claim, ClaimName
from critical_periods.configuration.fields import (
    UNIQUE,
    ConfigError,
    Device,
    PrecisionName,
    Section,
    Seeds,
    Title,
    key,
    matching,
    one_of,
    validated,
)
from critical_periods.configuration.solvers import SolverName, with_options

Name = Annotated[str, matching("^[A-Za-z][A-Za-z0-9_]{0,63}$", "letters, digits and underscores, a letter first")]
Stated = Annotated[str, matching("^(not )?[A-Za-z0-9][A-Za-z0-9_]{0,31}$", "a claim, or not and a claim")]
Files = Annotated[list[str], Field(min_length=0, max_length=100)]
AxisValues = Annotated[list[Any], Field(min_length=1, max_length=10_000), *UNIQUE]


class ExperimentSettings(Section):
    """A grid of cells: a model, what is set otherwise than its defaults, what varies."""

    title: Title = key("One line that says what the experiment shows.")
    model: str = key("The model, a key of `models`.")
    seeds: Seeds | None = key("Random draws of this experiment, instead of the configuration's.", None)
    set: dict[str, Any] = key("Parameters that differ from the model's defaults.", {})
    vary: dict[str, AxisValues] = key(
        "Parameters that vary, each with its list of values; all combinations are computed.", {}
    )
    theory: bool = key("Whether what the model's theory says of every cell is computed beside it.", False)


class FigureSettings(Section):
    """A figure: panels in the words of seaborn, that name the experiments they are drawn from."""

    title: Title = key("What the figure says, in one line.")
    states: Annotated[list[Stated], Field(min_length=0, max_length=20)] = key(
        "Claims that the title states: `4a` is one that holds, `not 4a` one that does not. The title is true of the "
        "published verdicts only if these are.",
        [],
    )
    panels: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=12)] = key("What is drawn, panel by panel.")


#: Styles by name: what they ask for.
STYLES: dict[str, dict[str, Any]] = {
    "paper": {},
    "single_column": {"width": 3.4},
    "double_column": {"width": 6.9},
    "talk": {"width": 4.5, "dpi": 400},
    "dark": {"dark": True},
}
NamedStyle = Literal["paper", "single_column", "double_column", "talk", "dark"]


class StyleSettings(Section):
    """How figures look, beginning with a named style."""

    named: NamedStyle = key(
        "Style that the other keys change. paper: a column (3.4 inches) wide, or a page (6.9) where panels stand side "
        "by side; single_column, double_column: all of them one or the other; talk: so narrow that on a slide letters "
        "are large; dark: light lines on dark paper.",
        "paper",
    )
    width: float | None = key("Width of every figure; letters keep their size.", None, unit="inches", ge=2, le=40)
    font: str | None = key("Font of all text.", None, min_length=1, max_length=100)
    usetex: bool | None = key("Whether LaTeX sets all text; it has to be installed.", None)
    dark: bool | None = key("Whether lines are light on dark paper.", None)
    dpi: int | None = key("Dots per inch of PNG.", None, ge=30, le=2400)


def style_asked(style: str | Mapping[str, Any]) -> dict[str, Any]:
    """What a style asks for, by name or key by key: only what is not the paper's.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If there is no such style or key, or its value is not allowed.
    """
    own = validated(StyleSettings, {"named": style} if isinstance(style, str) else style, "style").model_dump()
    asked = STYLES[own.pop("named")] | {name: value for name, value in own.items() if value is not None}
    return {name: value for name, value in asked.items() if value is not False}


@with_options()
class Configuration(Section):
    """Every key of config.yaml."""

    seeds: Seeds = key("Random draws that every experiment is repeated with, unless it has seeds of its own.")
    solver: SolverName | dict[str, SolverName] = key(
        "Gradient descent, update by update or in strides, or gradient flow, its limit; one solver, or one for each "
        "model that has several."
    )
    dtype: PrecisionName = key("Floating-point precision of training.")
    device: Device = key("Where training runs; cuda needs a GPU that torch finds.")
    engine: Literal["auto", "numpy", "torch"] = key(
        "What computes: auto is NumPy on a CPU and torch on a GPU. Results agree to rounding, so that those of either "
        "count; files say which it was.",
        "auto",
    )
    diverged: Literal["fail", "record"] = key(
        "What becomes of a cell whose training diverges. fail: its job fails, once the other cells of the job are "
        "done and kept. record: the cell is a result, NaN from there on, with the reason as an attribute, and figures "
        "mark it.",
        "fail",
    )
    versions: Literal["any", "strict"] = key(
        "Whose results count. any: those of any version of the numerical packages, with a warning where they are not "
        "the ones installed. strict: only those of the versions installed.",
        "any",
    )
    strict: bool = key("Whether a claim that does not hold makes the run fail.", False)
    cells_folder: str = key(
        "Folder of the cells, such as one on a cluster's scratch space; every job has to reach it.",
        "results/cells",
        min_length=1,
    )
    checkpoint_minutes: float = key(
        "Minutes between two checkpoints of a matrix-completion cell that gradient descent trains; a job that was "
        "stopped or killed goes on from the last one. 0 leaves only the checkpoint that SIGTERM asks for.",
        5.0, ge=0, le=100_000,
    )  # fmt: skip
    cells_per_job: dict[str, Annotated[int, Field(ge=1, le=10_000)]] = key(
        "How many cells one job computes, by solver or, for models without a choice of solver, by model. More make "
        "fewer and longer jobs, which saves start-up and spares a cluster's scheduler."
    )
    models: dict[str, dict[str, Any]] = key("The parameters that an experiment starts from, by model.")
    experiments: dict[Name, ExperimentSettings] = key("Named grids of cells; a name is that of the dataset, too.")
    figures: dict[Name, FigureSettings] = key("Figures by name; a name is that of the files and of the target, too.")
    claims: dict[ClaimName, Claim] = key("Statements that are judged by machine, by number.", {})
    style: NamedStyle | StyleSettings = key(
        "How figures look: the name of a style, or what differs from one. Nothing is computed anew for it.",
        "paper",
    )
    plugins: Files = key(
        "Python modules, or files relative to the configuration that names them, that bring models, measures and "
        "kinds of panels; their code is run.",
        [],
    )
    studies: Files = key("Files of further studies, relative to the configuration that names them.", [])
    yes: bool = key("Whether `snakemake prune` deletes what it lists.", False)
    smoke: bool = key("Whether studies are as small as their sections `smoke` say.", False)


def ignored_keys(config: Mapping[str, Any]) -> list[str]:
    """Top-level keys of a parent workflow's configuration that mean nothing here.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If one of them looks like a key of ours, misspelt.
    """
    known = list(Configuration.model_fields)
    foreign = [key for key in config if key not in known]
    for name in foreign:
        if difflib.get_close_matches(name, known, n=1, cutoff=0.8):
            raise ConfigError("configuration: unknown key", name, one_of(name, known))
    return foreign


def configuration(config: Mapping[str, Any]) -> Configuration:
    """The configuration, checked but for the parameters of models and the panels of figures.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        On the first violation, with key, value and what is allowed.
    """
    checked = validated(Configuration, config)
    if checked.engine == "numpy" and checked.device == "cuda":
        raise ConfigError("engine", "numpy", "auto or torch where device is cuda")
    return checked
