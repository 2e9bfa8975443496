"""A kind of figures in one file: how a variable is distributed over runs, a curve for each value of an axis."""

from typing import ClassVar

from critical_periods.configuration.fields import key
from critical_periods.figures.kinds import Kind, Panel


class DistributionsPanel(Panel):
    """Shares of runs below a value, a curve for each value of an axis."""

    show: str = key("Variable drawn.")
    lines: str = key("Axis that tells the curves apart.")

    any_variable: ClassVar[bool] = True

    def drawn(self):
        """All other axes: what varies along them are runs."""
        return None


def curves(panel, datasets):
    """Label -> sorted values of every curve, and what variable and axis are called."""
    from critical_periods.figures import style

    dataset = style.part(datasets[panel["experiment"]], panel.get("select", {}))
    values, axis = dataset[panel["show"]].transpose(panel["lines"], ...), dataset[panel["lines"]]
    runs = dict(zip(style.value_labels(axis), values.values.reshape(len(axis), -1), strict=True))
    return runs, style.label(panel["show"], dataset), style.label(panel["lines"], dataset)


def draw(panels, datasets):
    """Draw the panels side by side."""
    from critical_periods.figures import style

    style.apply()
    figure, grid = style.grid(1, len(panels), 2.2)
    for axes, panel in zip(grid.flat, panels, strict=True):
        runs, variable, axis = curves(panel, datasets)
        for (label, values), colour in zip(runs.items(), style.ordered_colours(len(runs)), strict=True):
            axes.ecdf(values, label=label, color=colour)
        axes.set(xlabel=variable, ylabel="share of runs")
        axes.legend(title=axis)
    style.letter(list(grid.flat))
    return figure


def draw_page(panels, datasets):
    """Draw the interactive twin, of traces that pages can show: lines, points and maps."""
    from critical_periods.figures.interactive import plain, subplots

    figure = subplots(1, len(panels), [""] * len(panels), plain)
    for column, panel in enumerate(panels, start=1):
        runs, variable, axis = curves(panel, datasets)
        for label, values in runs.items():
            shares = [(rank + 1) / len(values) for rank in range(len(values))]
            figure.add_scatter(
                x=sorted(values), y=shares, line_shape="hv", name=f"{plain(axis)} {plain(label)}", row=1, col=column
            )
        figure.update_xaxes(title_text=plain(variable), row=1, col=column)
    return figure


KINDS = {
    "distributions": Kind(f"{__name__}:draw", DistributionsPanel, f"{__name__}:draw_page", selects_axes=True),
}
