"""Interactive twins of spectra: one trajectory at a time, chosen from a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from matplotlib.colors import to_hex

from critical_periods.figures import curves, spectra, style
from critical_periods.figures.interactive import ABOVE, PALE, epochs, hover, numbers, plain

#: Look of theory.
THEORY: dict[str, Any] = {"line": {"color": spectra.THEORY["color"], "width": 1.5, "dash": "dash"}}
#: What is written at the switch between the tasks.
SWITCH: dict[str, Any] = {"label": {"text": "switch", "textposition": "end", "font": {"size": 11}}}


def draw(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """Draw the trajectories, one for each panel and switch epoch; every mode can be toggled.

    Parameters
    ----------
    panels, datasets
        As of `spectra.draw`.
    """
    figure, names, owners, lines = go.Figure(), [], [], []
    for panel in panels:
        dataset = datasets[panel["experiment"]]
        chosen = spectra.chosen(panel, dataset)
        for title, runs, switch in spectra.spectrum_columns(dataset, panel):
            names.append(f"{chosen}, {title}" if chosen else title)
            colours = style.ordered_colours(runs.sizes["mode"])
            learned = zip(spectra.learned_epochs(runs), colours, strict=False)
            marks = [_vertical(epoch, to_hex(colour), "dash") for epoch, colour in learned if np.isfinite(epoch)]
            lines.append([*marks, *[_vertical(switch, "grey", "dot") | SWITCH] * bool(switch)])
            for source, values in spectra.sources(runs).items():
                recorded = curves.median(values).dropna("epoch", how="all")
                compared_with = PALE if source == "training" and "solver" in runs.dims else {"line_width": 1.5}
                for index, colour in enumerate(style.ordered_colours(recorded.sizes["mode"])):
                    mode = recorded["mode"].values[index]
                    theory = source == "theory"
                    look = THEORY if theory else compared_with | {"line_color": to_hex(colour)}
                    owners.append(len(names) - 1)
                    figure.add_scatter(
                        **epochs(recorded["epoch"].values),
                        y=numbers(recorded.isel(mode=index).values),
                        name="theory" if theory else f"mode {mode}",
                        legendgroup="theory" if theory else f"mode {mode}",
                        showlegend=not theory or index == 0,
                        legendrank=0 if theory else index + 1,
                        mode="lines",
                        visible=len(names) == 1,
                        hovertemplate=hover(f"mode {mode}, {source}", "singular value"),
                        **look,
                    )
    buttons = [
        {
            "label": plain(name),
            "method": "update",
            "args": [{"visible": [owner == index for owner in owners]}, {"shapes": lines[index]}],
        }
        for index, name in enumerate(names)
    ]
    menu = {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "pad": {"b": 10}}
    return figure.update_layout(
        legend={"title": {"text": "the largest modes"}},
        updatemenus=[menu],
        shapes=lines[0],
        xaxis_title="epoch",
        yaxis_title="singular value of W",
        height=540,
        margin={"t": ABOVE},
    )


def _vertical(epoch: float, color: str, dash: str) -> dict[str, Any]:
    """A line at an epoch, from the bottom to the top."""
    line = {"color": color, "dash": dash, "width": 1}
    return {"type": "line", "x0": epoch, "x1": epoch, "yref": "paper", "y0": 0, "y1": 1, "line": line}
