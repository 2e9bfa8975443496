"""How cost grows, drawn from the table of the benchmarks."""

import matplotlib.pyplot as plt

from critical_periods.figures import look, words
from critical_periods.figures.figure import letter
from critical_periods.figures.seaborn_renderer import theme


def curve(rows, measure):
    """Places and values of a measure."""
    points = sorted((float(row["at"]), float(row["value"])) for row in rows if row["measure"] == measure)
    return [at for at, _ in points], [value for _, value in points]


UPDATES = "updates that a cell asks for"

#: Title of the abscissa, of the ordinate, and label -> (measure, style).
PANELS = [
    (
        *("matrix size n", "time of an update (µs)"),
        {"update": ("update, by n", "o-"), "its products": ("products of an update, by n", "k--")},
    ),
    (
        *("depth N", "time of an update (µs)"),
        {"update": ("update, by depth", "o-"), "its products": ("products of an update, by depth", "k--")},
    ),
    (
        *("runs in a batch", "time of an update (µs)"),
        {
            "update": ("update, by runs in a batch", "o-"),
            "its products": ("products of an update, by runs in a batch", "k--"),
        },
    ),
    (
        *(UPDATES, "CPU time of a cell (s)"),
        {
            "gradient descent": ("cell by gradient descent, by updates", "o-"),
            "gradient flow": ("cell by gradient flow, by updates", "C1s-"),
        },
    ),
    ("matrix size n", "cell by gradient flow (s)", {"gradient flow": ("cell by gradient flow, by n", "C1s-")}),
    ("depth N", "cell by gradient flow (s)", {"gradient flow": ("cell by gradient flow, by depth", "C1s-")}),
    (
        *("matrix size n", "largest memory (MB)"),
        {
            "gradient descent": ("memory of a cell by gradient descent, by n", "o-"),
            "gradient flow": ("memory of a cell by gradient flow, by n", "C1s-"),
            "before training": ("memory before training, by n", "k--"),
        },
    ),
    ("cells", "planning (s)", {"": ("planning, by cells", "o-")}),
    (
        *("cores", "thousand cells (minutes)"),
        {
            "simulated": ("a thousand cells, schedule simulated, by cores", "k--"),
            "from a sample": ("sample of a thousand cells, scaled, by cores", "o"),
        },
    ),
]


def draw(rows, path):
    """Draw every panel whose measures are in the table."""
    with theme(look.PAPER):
        figure, panels = plt.subplots(3, 3, figsize=(look.PAGE, 5.6), layout="constrained")
        for index, (axes, (abscissa, ordinate, lines)) in enumerate(zip(panels.flat, PANELS, strict=True)):
            places = set()
            for label, (measure, marks) in lines.items():
                at, values = curve(rows, measure)
                values = [value / 60 for value in values] if "minutes" in ordinate else values
                axes.loglog(at, values, marks, lw=0.8 if "--" in marks else None, label=label)
                places |= {*at}
            axes.set_title(letter(index))
            axes.set(xlabel=abscissa, ylabel=ordinate)
            axes.margins(y=0.4 if abscissa == UPDATES else 0.05)  # room for the legend
            axes.minorticks_off()
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(lambda value, _: words.number(value))
            if abscissa != UPDATES:
                axes.set_xticks(sorted(places), [words.number(int(place)) for place in sorted(places)])
            low, high = axes.get_ylim()
            if high / low < 1000:
                steps = (1, 2, 3, 5, 7) if high / low < 5 else (1, 2, 5) if high / low < 30 else (1, 3)
                ticks = [step * 10.0**power for power in range(-4, 7) for step in steps]
                axes.set_yticks([tick for tick in ticks if low <= tick <= high])
                axes.yaxis.set_major_formatter("{x:g}")
            if len(lines) > 1:
                axes.legend(loc="lower right" if abscissa == UPDATES else "best")
        figure.savefig(path)
        plt.close(figure)
