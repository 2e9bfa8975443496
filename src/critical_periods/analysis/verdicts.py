"""Whether a statement holds: a measure on an experiment's dataset against a threshold, with a confidence interval."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from inspect import signature
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import xarray as xr

from critical_periods.analysis.claims import COMPARISONS
from critical_periods.analysis.claims import NumberedClaim as Claim
from critical_periods.analysis.learning import LEARNED
from critical_periods.analysis.measure_signatures import measures
from critical_periods.analysis.measures import MissingDataError, chosen, parameter
from critical_periods.analysis.statistics import confidence_interval
from critical_periods.analysis.tables import read_claims
from critical_periods.storage.files import write_whole

COLUMNS = ("id", "figure", "statement", "measure", "value", "threshold", "holds")
UNJUDGED_COLUMNS = ("id", "figure", "statement", "measure", "threshold", "reason")


@dataclass(frozen=True)
class Verdict:
    """What the data say about a claim.

    Parameters
    ----------
    claim
        The claim.
    value
        The measure, averaged over seeds.
    interval
        Its confidence interval over seeds; None where there is one number only.
    n_seeds
        Numbers averaged.
    holds
        Whether the claim holds: the whole interval is on the right side of the threshold.
    """

    claim: Claim
    value: float
    interval: tuple[float, float] | None
    n_seeds: int
    holds: bool


@dataclass(frozen=True)
class Judgement:
    """Verdicts, and why the other claims got none (claim, reason)."""

    verdicts: Sequence[Verdict]
    skipped: Sequence[tuple[Claim, str]]

    @property
    def failed(self) -> list[Verdict]:
        """Verdicts on claims that do not hold."""
        return [verdict for verdict in self.verdicts if not verdict.holds]


def judge_claim(claim: Claim, dataset: xr.Dataset) -> Verdict:
    """Judge one claim.

    Parameters
    ----------
    claim
        The claim.
    dataset
        The dataset of its experiment.

    Raises
    ------
    MissingDataError
        If the dataset lacks what the measure looks at, comes from a solver that the claim is not about, or holds runs
        that diverged or networks that have not learned where the claim looks; or if the measure leaves more open than
        the seed.
    """
    if claim.solver is not None and parameter(dataset, "solver") != claim.solver:
        raise MissingDataError(f"about {claim.solver} only")
    measure = _measure(claim.measure)
    _check_sound(claim, dataset)
    try:
        measured = measure(dataset, **claim.arguments)
    except KeyError as error:
        if (missing := _lacked(error)) is None:
            raise
        raise MissingDataError(missing) from error
    if left := [str(axis) for axis in getattr(measured, "dims", ()) if axis != "seed"]:
        raise MissingDataError(f"{claim.measure} gives a number for each {' and '.join(left)}, not one a seed")
    samples = np.atleast_1d(np.asarray(measured, dtype=float)).ravel()
    if not np.all(np.isfinite(samples)):
        raise MissingDataError(f"{claim.quantity} is not a number")
    interval = confidence_interval(samples) if len(samples) > 1 else None
    holds = all(claim.holds(value) for value in (interval or (float(samples.mean()),)))
    return Verdict(claim, float(samples.mean()), interval, len(samples), holds)


def _check_sound(claim: Claim, dataset: xr.Dataset) -> None:
    """Refuse to judge by cells that say nothing of the claim: where runs diverged, or networks have not learned.

    A mean or an extreme of the others says nothing of runs that diverged, and no deficit harms a network that has
    learned nothing. A dataset without `learned` is that of a plugin's model, which knows what learning is.
    """
    if "diverged" in dataset.coords and (count := _looked_at(claim, dataset, "diverged")).any():
        raise MissingDataError(f"training diverged in {count.sum()} of the {count.size} cells it looks at")
    if not claim.learned or "learned" not in dataset or (learned := _looked_at(claim, dataset, "learned")).all():
        return
    left = ""
    if "remaining_loss" in dataset:
        worst = _looked_at(claim, dataset, "remaining_loss").max()
        left = f": {worst:.2g} of the training loss is left; learned is below {LEARNED:g}"
    count = np.sum(~learned)
    raise MissingDataError(
        f"has not learned without a deficit in {count} of the {learned.size} cells it looks at{left}"
    )


def _looked_at(claim: Claim, dataset: xr.Dataset, variable: str) -> np.ndarray:
    """A variable over the grid of an experiment, in the cells that a claim looks at, one after the other.

    These are the cells that its arguments select on axes, and of an `axis` those at `one` value and at the `other`.
    """
    given, named = claim.arguments, signature(_measure(claim.measure)).parameters
    values = dataset.reset_coords(variable) if variable in dataset.coords else dataset
    axes = values[variable].dims
    where = {axis: value for axis, value in given.items() if axis not in named and axis in axes}
    ends = [given[end] for end in ("one", "other") if end in given and given.get("axis") in axes]
    parts = [where | {given["axis"]: end} for end in ends] or [where]
    return np.concatenate([np.ravel(chosen(values, variable, **part)) for part in parts])


def _lacked(error: KeyError) -> str | None:
    """What a dataset lacks that was asked for, in words; None where something else than a dataset was asked."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if not frame.f_globals["__name__"].startswith("xarray."):
        return None
    asked = re.sub("^No variable named '([^']*)'.*", r"\1", str(error.args[0]), flags=re.DOTALL)
    return f"no {asked} in the experiment" if asked.isidentifier() else asked


def _measure(name: str) -> Callable[..., Any]:
    """A measure by its name."""
    if name not in measures():
        raise MissingDataError(f"no measure {name}")
    return measures()[name]


def judge(claims: Iterable[Claim], datasets: Mapping[str, xr.Dataset]) -> Judgement:
    """Judge every claim whose experiment is there, and say which are skipped and why.

    Parameters
    ----------
    claims
        The claims.
    datasets
        Experiment name -> dataset.

    Raises
    ------
    RuntimeError
        If a measure fails for another reason than missing data; it names the claim and the measure.
    """
    verdicts, skipped = [], []
    for claim in claims:
        if claim.experiment not in datasets:
            skipped.append((claim, f"no experiment {claim.experiment}"))
            continue
        try:
            verdicts.append(judge_claim(claim, datasets[claim.experiment]))
        except MissingDataError as error:
            skipped.append((claim, str(error.args[0])))
        except Exception as error:
            said = f"claim {claim.id}: measure {claim.measure}: {type(error).__name__}: {error}"
            raise RuntimeError(said) from error
    return Judgement(verdicts, skipped)


def write_csv(judgement: Judgement, path: str | Path) -> None:
    """Write the verdicts as `id, figure, statement, measure, value, threshold, holds`."""
    rows = []
    for verdict in judgement.verdicts:
        claim = verdict.claim
        words = (claim.id, claim.figure, claim.statement, claim.criterion)
        rows.append((*words, f"{verdict.value:.6g}", f"{claim.threshold:g}", verdict.holds))
    _write_table(path, COLUMNS, rows)


def write_unjudged_csv(judgement: Judgement, path: str | Path) -> None:
    """Write the claims that could not be judged, each with the reason."""
    rows = [
        (claim.id, claim.figure, claim.statement, claim.criterion, f"{claim.threshold:g}", reason)
        for claim, reason in judgement.skipped
    ]
    _write_table(path, UNJUDGED_COLUMNS, rows)


def _write_table(path: str | Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    write_whole(pd.DataFrame(rows, columns=columns).to_csv(index=False, lineterminator="\n"), path)


def objections(table: str | Path, unjudged: str | Path) -> list[str]:
    """What a strict run objects to, in a line each: claims that do not hold, and those that were not judged, and why.

    Parameters
    ----------
    table, unjudged
        What `write_csv` and `write_unjudged_csv` wrote.
    """
    groups: dict[str, list[str]] = {}
    for name, row in read_claims(table).items():
        if row["holds"] != "True":
            groups.setdefault("claims that do not hold", []).append(name)
    for name, row in read_claims(unjudged).items():
        groups.setdefault(f"claims that could not be judged ({row['reason']})", []).append(name)
    return [f"{what}: {', '.join(ids)}" for what, ids in groups.items()]


def as_html(judgement: Judgement) -> str:
    """The verdicts as a page of its own: what does not hold first, with how far every value is from its threshold."""
    rows = "\n".join(
        f'<tr class="{_word(verdict)}"><td>{"holds" if verdict.holds else "does not hold"}</td>'
        f"<td>{escape(verdict.claim.id)}</td><td>{escape(verdict.claim.statement)}</td>"
        f"<td>{escape(_value(verdict))}{_bar(verdict)}</td><td>{escape(_criterion(verdict.claim))}</td>"
        f"<td>{_figure_link(verdict.claim.figure)}</td><td>{escape(verdict.claim.quantity)}</td>"
        f"<td>{escape(verdict.claim.why)}</td></tr>"
        for verdict in sorted(judgement.verdicts, key=lambda verdict: verdict.holds)
    )
    skipped = "".join(
        f"<li>{escape(claim.id)} {escape(claim.statement)}: {escape(reason)}</li>"
        for claim, reason in judgement.skipped
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Claims</title><style>
:root {{ color-scheme: light dark; --line: #ccc; --yes: #006644; --no: #b33c00; }}
@media (prefers-color-scheme: dark) {{ :root {{ --line: #444; --yes: #4cc38a; --no: #ff9a57; }} }}
body {{ font: 14px/1.4 Roboto, system-ui, sans-serif; margin: 1.5em; overflow-wrap: anywhere; }}
.wide {{ overflow-x: auto; overflow-wrap: normal; }} table {{ border-collapse: collapse; min-width: 72em; }}
th, td {{ padding: .35em .6em; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }}
td:first-child {{ font-weight: bold; white-space: nowrap; }}
tr.yes {{ --verdict: var(--yes); }} tr.no {{ --verdict: var(--no); }}
tr.yes td:first-child, tr.no td:first-child {{ color: var(--verdict); }}
td img {{ display: block; width: 9em; }}
.bar {{ display: block; position: relative; width: 8em; height: .5em; border-left: 0; margin-top: .3em;
  background: linear-gradient(var(--line), var(--line)) center / 1px 100% no-repeat; }}
.bar i {{ position: absolute; top: 0; height: 100%; background: var(--verdict); }}
</style></head><body><h1>Claims</h1><p>{escape(summary(judgement))} Bars: how far a value is from its threshold, in the
middle, relative to the larger of both; to the right it holds.</p>
<div class="wide"><table><thead>
<tr><th>verdict</th><th>claim</th><th>statement</th><th>value</th><th>holds if</th><th>figure</th><th>measure</th>
<th>why</th></tr></thead><tbody>
{rows}
</tbody></table></div>{f"<h2>Not judged</h2><ul>{skipped}</ul>" if skipped else ""}</body></html>
"""


def _bar(verdict: Verdict) -> str:
    """How far a value is from its threshold, relative to the larger of both: to the right where it holds."""
    value, threshold = verdict.value, verdict.claim.threshold
    part = min(abs(value - threshold) / max(abs(value), abs(threshold), 1e-300), 1.0)
    within = COMPARISONS[verdict.claim.comparison.replace(" ", "_")](value, threshold)
    start = 50 if within else 50 * (1 - part)
    return f'<span class="bar"><i style="left: {start:.0f}%; width: {50 * part:.0f}%"></i></span>'


def _figure_link(figure: str) -> str:
    """The figure of a claim, with its picture, where the page lies beside both."""
    if not figure:
        return ""
    name, label = quote(figure, safe=""), escape(figure)
    picture = f'<img src="figures/{name}.png" alt="" loading="lazy" onerror="this.remove()">'
    return f'<a href="interactive/{name}.html">{picture}{label}</a>'


def verdicts_text(judgement: Judgement, width: int = 78) -> str:
    """The verdicts for a terminal, one line each."""
    lines = []
    claims = [verdict.claim for verdict in judgement.verdicts] + [claim for claim, _ in judgement.skipped]
    figures = max((len(claim.figure) for claim in claims), default=0)
    for verdict in judgement.verdicts:
        statement = verdict.claim.statement
        short = statement if len(statement) <= width else f"{statement[: width - 3]}..."
        lines.append(
            f"{_word(verdict):>3}  {verdict.claim.id:<4} {verdict.claim.figure:<{figures}} {short:<{width}} "
            f"{_value(verdict)} ({_criterion(verdict.claim)})"
        )
    lines += [
        f"  -  {claim.id:<4} {claim.figure:<{figures}} {claim.statement}: {reason}"
        for claim, reason in judgement.skipped
    ]
    return "\n".join([*lines, summary(judgement)])


def summary(judgement: Judgement) -> str:
    """How many claims hold, how many do not, how many could not be judged."""
    failed = judgement.failed
    names = f" ({', '.join(verdict.claim.id for verdict in failed)})" if failed else ""
    skipped = f"; {len(judgement.skipped)} not judged" if judgement.skipped else ""
    return f"{len(judgement.verdicts) - len(failed)} claims hold, {len(failed)} do not{names}{skipped}."


def _value(verdict: Verdict) -> str:
    if verdict.interval is None:
        return f"{verdict.value:.3g}"
    low, high = verdict.interval
    return f"{verdict.value:.3g} [{low:.3g}, {high:.3g}], {verdict.n_seeds} seeds"


def _criterion(claim: Claim) -> str:
    return f"{claim.comparison} {claim.threshold:g}"


def _word(verdict: Verdict) -> str:
    return "yes" if verdict.holds else "no"
