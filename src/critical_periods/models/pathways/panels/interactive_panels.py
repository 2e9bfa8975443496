"""Interactive twins of panels of pathways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import xarray as xr
from matplotlib.colors import to_hex

from critical_periods.figures import curves, spectra, style
from critical_periods.figures.interactive import PALE, epochs, hover, legends, numbers, plain, subplots
from critical_periods.models.pathways.panels import pathway_panels


def draw(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """Draw a row of panels for every pathway, as in the figure; a click on a mode hides its curves in all of them.

    Gradient descent is broad and pale where the ODE is drawn upon it.

    Parameters
    ----------
    panels, datasets
        As of `pathway_panels.draw`.
    """
    parts = pathway_panels.parts_of(panels, datasets)
    pathways = max((part["pathway"].values for _, part in parts), key=len)
    titles = [pathway_panels.title_of(panel, part, pathway) for pathway in pathways for panel, part in parts]
    widths = [0.5 if panel["show"] == "matrices" else 1.0 for panel, _ in parts]
    spacing = {"horizontal_spacing": 0.1 if 0.5 in widths else 0.06, "vertical_spacing": 0.16}
    figure = subplots(len(pathways), len(parts), titles, plain, column_widths=widths, **spacing)
    for row, pathway in enumerate(pathways, start=1):
        for column, (panel, part) in enumerate(parts, start=1):
            place = {"row": row, "col": column}
            if panel["show"] == "matrices":
                figure.add_heatmap(
                    x=part["input_mode"].values,
                    y=part["output_mode"].values,
                    z=pathway_panels.matrix(part, pathway).values.astype(float),
                    coloraxis="coloraxis",
                    hovertemplate="input mode %{x}<br>output mode %{y}<br>K %{z:.4g}<extra></extra>",
                    **place,
                )
                for mode in pathway_panels.lesioned_modes(part, str(pathway)):
                    box = {"x0": mode - 0.5, "x1": mode + 0.5, "y0": mode - 0.5, "y1": mode + 0.5}
                    figure.add_shape(
                        type="rect", **box, line={"color": pathway_panels.LESION["ec"], "width": 3}, **place
                    )
                    marker = {"symbol": "square-open", "size": 12, "color": pathway_panels.LESION["ec"]}
                    name = f"lesion: mode {mode} of {pathway}"
                    figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=name, **place)
                figure.update_xaxes(title_text="input mode", **place)
                figure.update_yaxes(title_text="output mode", autorange="reversed", **place)
                figure.update_layout(coloraxis={"colorscale": "Viridis", "colorbar": {"x": 1.0, "thickness": 12}})
                continue
            values = part["pathway_singular_value"].sel(pathway=pathway)
            shade: dict[str, Any] = {"fillcolor": "grey", "opacity": 0.25, "line_width": 0, "layer": "below"}
            figure.add_vrect(*pathway_panels.deficit(part), exclude_empty_subplots=False, **shade, **place)
            groups = pathway_panels.alike(values["task_singular_value"].values)
            colours = style.ordered_colours(len(groups))
            for colour, (name, modes) in zip(colours, groups.items(), strict=True):
                for mode in range(modes.start, modes.stop):
                    for source, curve in spectra.sources(values.isel(mode=mode), "ODE").items():
                        broad = PALE if source == "training" and "solver" in values.dims else {"line_width": 1.5}
                        figure.add_scatter(
                            **epochs(part["epoch"].values),
                            y=numbers(curves.median(curve).values),
                            mode="lines",
                            line_color=to_hex(colour),
                            **broad,
                            name=f"mode {plain(name)}",
                            legendgroup=name,
                            hovertemplate=hover(f"mode {mode + 1}, {source}", "K"),
                            **place,
                        )
            figure.update_xaxes(title_text="epoch" if row == len(pathways) else None, **place)
            figure.update_yaxes(title_text=plain(f"$K_{pathway}$") if column == 1 else None, matches="y", **place)
    grey: dict[str, Any] = {"x": [None], "y": [None], "line_color": "grey"}
    if any("solver" in part["pathway_singular_value"].dims for _, part in parts):
        figure.add_scatter(**grey, mode="lines", **PALE, name="gradient descent")
        figure.add_scatter(**grey, mode="lines", line_width=1.5, name="ODE")
    square = {"symbol": "square", "size": 14, "color": "lightgrey"}
    figure.add_scatter(x=[None], y=[None], mode="markers", marker=square, name="deficit")
    return legends(figure, [""])
