"""A kind of panel in one file: how a variable is distributed over runs, a step line for each value of an axis."""

from critical_periods.figures.panels import Panel, key


class Distribution(Panel):
    """Share of runs below a value, a line for each value of an axis."""

    x: str = key("Variable whose distribution is drawn.")
    hue: str = key("Axis that tells the lines apart.")

    every_setting = True  # what varies along all other axes are runs

    def layers(self, dataset):
        """A row for each step: its value, and the share of runs up to there."""
        import pandas as pd

        from critical_periods.figures.layers import Layer

        table = self.table(dataset)[[self.hue, self.x]].sort_values(self.x)
        runs, share = table.groupby(self.hue)[self.x], "share of runs"
        below, up_to = runs.cumcount() / runs.transform("size"), (runs.cumcount() + 1) / runs.transform("size")
        steps = pd.concat([table.assign(**{share: below}), table.assign(**{share: up_to})])
        steps = steps.sort_values([self.hue, self.x, share])
        return [Layer("path", steps, self.x, share, self.hue, units=(self.hue,))]


KINDS = {"distribution": Distribution}
