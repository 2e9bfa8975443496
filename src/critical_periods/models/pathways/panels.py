"""Phase portraits of two pathways (figs 1, 7), and marks of deficits and lesions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from critical_periods.configuration.fields import ConfigError
from critical_periods.figures.look import Stroke
from critical_periods.figures.panels import Mark, Panel, Template

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from critical_periods.figures.layers import Layer

#: Singular values of both pathways, the axes of the plane.
A, B = "singular value of a", "singular value of b"

#: Up to this many trajectories are drawn as broad lines; and how dense streamlines are.
FEW, DENSITY = 10, 0.55

DEFICIT = Stroke("deficit", alpha=0.35, label="deficit")


class PhasePortrait(Panel):
    """Trajectories in the plane of both pathways' singular values, on the flow without a deficit (figs 1, 7)."""

    roles: ClassVar[tuple[str, ...]] = ("col", "row")
    implied: ClassVar[tuple[str, ...]] = ("path", "path_epoch")
    drawn: ClassVar[tuple[str, ...]] = ("seed", "trajectory", "point", "pathway", "K_a", "K_b")
    square: ClassVar[bool] = True

    def check(self, place: str, template: Template) -> None:
        """Refuse, beside what is not there, planes of other than two pathways, or of more than one task."""
        super().check(place, template)
        if template.shared.get("n_pathways") != 2 or template.shared.get("singular_value") is None:
            raise ConfigError(f"{place}.experiment", self.experiment, "one of 2 pathways and one singular_value")

    def layers(self, dataset: xr.Dataset) -> list[Layer]:
        """Flow, runs, the deficit in them, and where they end in the mean."""
        import pandas as pd

        from critical_periods.figures.layers import Layer
        from critical_periods.figures.tables import selected

        part = selected(dataset, self.select)
        target = float(part["task_singular_value"].values.ravel()[0])
        facets = [axis for axis in (self.row, self.col) if axis]
        table = self.table(dataset)
        if "onset" not in table:
            table = table.assign(onset=deficits(part)["onset"][0])
        runs = ["seed", "trajectory"]
        index = [*dict.fromkeys([*facets, "onset"]), *runs, "point", "path_epoch"]
        points = table.pivot_table(index=index, columns="pathway", values="path", sort=False)
        points = points.rename(columns={"a": A, "b": B}).reset_index()
        points = points.merge(deficits(part), on="onset")
        inside = points[points["path_epoch"].between(points["onset"], points["end"])]
        ends = points[points["point"] == points["point"].max()].groupby(facets, sort=False)[[A, B]].mean()
        after = points[points["path_epoch"] >= points["onset"]].drop_duplicates([*facets, *runs])
        begins = after.groupby(facets, sort=False)[[A, B]].mean()
        few = part.sizes["seed"] * part.sizes["trajectory"] <= FEW
        run = Stroke("run", 1.4, label="run") if few else Stroke("run", 0.35, alpha=0.4, label="run")
        lines, heads = _flow(part, facets)
        learned = pd.DataFrame({A: [0.0, target], B: [target, 0.0]})
        equal = pd.DataFrame({A: [0.0, target / 2], B: [0.0, target / 2]})
        flow, units = Stroke("pale", 0.5, label="flow without a deficit"), (*facets, *runs)
        return [
            Layer("path", lines, A, B, units=("line", "depth"), stroke=flow),
            Layer("path", heads, A, B, units=("line", "depth"), stroke=flow.but(width=0.7, label="")),
            Layer("path", learned, A, B, stroke=Stroke("soft", 0.8, dash=(4, 2), label="a + b = s: task learned")),
            Layer("path", equal, A, B, stroke=Stroke("soft", 0.6, dash=(1, 2), label="equal shares")),
            Layer("path", points, A, B, units=units, stroke=run),
            Layer("path", inside, A, B, units=units, stroke=Stroke("deficit", 1.6, label="during the deficit")),
            Layer(
                *("scatter", ends.reset_index(), A, B),
                stroke=Stroke("ink", size=5, marker="o", label="end, mean of the runs"),
            ),
            Layer(
                *("scatter", begins.reset_index(), A, B),
                stroke=Stroke("deficit", size=3.4, marker="D", label="onset of the deficit, mean of the runs"),
            ),
        ]


def deficits(dataset: xr.Dataset) -> pd.DataFrame:
    """First epoch of every gating deficit, and the first one after it."""
    import numpy as np
    import pandas as pd

    from critical_periods.figures.tables import parameters

    shared = parameters(dataset)
    onsets = np.atleast_1d(dataset["onset"].values if "onset" in dataset.coords else shared["onset"])
    lasts = dataset["duration"].values if "duration" in dataset.coords else shared["duration"]
    return pd.DataFrame({"onset": onsets, "end": onsets + np.broadcast_to(lasts, onsets.shape)})


def windows(dataset: xr.Dataset, onsets: list[Any]) -> dict[Any, str] | None:
    """Onsets of gating in words: which pathway is blocked, and when."""
    from critical_periods.figures.tables import parameters
    from critical_periods.figures.words import DASH, said

    gated = parameters(dataset).get("gated_pathway")
    if gated is None:
        return None
    ends = deficits(dataset).set_index("onset")["end"]
    return {onset: f"{gated} blocked, epochs {DASH.join(said([onset, ends[onset]]))}" for onset in onsets}


def _flow(dataset: xr.Dataset, facets: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Streamlines of the flow at each depth, and an arrow's head half way along each."""
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    flow = dataset["flow"].isel(seed=0)
    others = [axis for axis in flow.dims if axis not in ("pathway", "K_a", "K_b", "depth")]
    flow = flow.isel(dict.fromkeys(others, 0))  # a deficit does not change it
    flow = flow if "depth" in flow.dims else flow.expand_dims("depth")
    lines, heads = [], []
    for depth, plane in flow.groupby("depth"):
        u, v = (plane.squeeze("depth").sel(pathway=name).transpose("K_b", "K_a").values for name in "ab")
        stream = Figure().subplots().streamplot(plane["K_a"].values, plane["K_b"].values, u, v, density=DENSITY)
        size = float(np.ptp(plane["K_a"].values)) / 30
        for number, line in enumerate(line for line in stream.lines.get_segments() if len(line) > 2):
            lines.append(pd.DataFrame(line, columns=[A, B]).assign(depth=depth, line=number))
            heads.append(pd.DataFrame(_head(line, size), columns=[A, B]).assign(depth=depth, line=number))
    return pd.concat(lines, ignore_index=True), pd.concat(heads, ignore_index=True)


def _head(line: Any, size: float) -> Any:
    """Corners of the head of an arrow half way along a line."""
    import numpy as np

    length = np.linalg.norm(np.diff(line, axis=0), axis=1).cumsum()
    tail, tip = line[np.searchsorted(length, length[-1] / 2) :][:2]
    along = (tip - tail) / np.linalg.norm(tip - tail)
    across = along[::-1] * [-1, 1]
    return tip + size * np.array([-along + 0.45 * across, [0, 0], -along - 0.45 * across])


def deficit(panel: Panel, table: pd.DataFrame, dataset: xr.Dataset) -> Layer:
    """The span of epochs in which a pathway is blocked."""
    from critical_periods.figures.layers import Layer
    from critical_periods.figures.tables import parameters

    gated = parameters(dataset).get("gated_pathway")
    stroke = DEFICIT if gated is None else DEFICIT.but(label=f"deficit: {gated} blocked")
    return Layer("span", deficits(dataset), "onset", "end", stroke=stroke)


def lesion_mark(panel: Panel, table: pd.DataFrame, dataset: xr.Dataset) -> Layer | None:
    """A frame around each mode that a pathway cannot express, in a map of its matrix."""
    import numpy as np
    import pandas as pd

    from critical_periods.figures.layers import Layer
    from critical_periods.figures.tables import parameters

    shared = parameters(dataset)
    named, pathway, modes = panel.columns(), shared["lesioned_pathway"], shared["lesioned_modes"]
    if pathway is None:
        return None
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)])
    frames = [pd.DataFrame(mode + corners, columns=[named["x"], named["y"]]).assign(mode=mode) for mode in modes]
    label = f"lesion: {pathway} cannot express mode {', '.join(map(str, modes))}"
    rows = pd.concat(frames, ignore_index=True).assign(pathway=pathway)
    return Layer("path", rows, named["x"], named["y"], units=("mode",), stroke=Stroke("ink", 1.2, label=label))


KINDS = {"phase_portrait": PhasePortrait}

PHRASES = {"onset": windows}

MARKS = {
    "deficit": Mark(deficit, ("epoch", "onset", "duration"), "Epochs in which a pathway is blocked."),
    "lesion": Mark(lesion_mark, ("lesioned_pathway", "lesioned_modes"), "Modes that a pathway cannot express."),
}
