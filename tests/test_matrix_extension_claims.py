"""Claims on matrix completion beyond the paper: data on which each holds, and data on which it fails."""

import numpy as np
import pytest
import xarray as xr
from conftest import EXTENSION_CLAIMS

from critical_periods.analysis.measures import MissingDataError
from critical_periods.analysis.verdicts import judge_claim
from critical_periods.models.matrix_completion import measures

DURATIONS = [0, 100, 200, 300]


def dataset(variable, values, **axes):
    """A variable over three seeds and axes, the last of which is usually the duration of the deficit."""
    jitter = np.array([-1e-4, 0, 1e-4]).reshape(3, *[1] * len(axes))
    shape = (3, *map(len, axes.values()))
    values = np.broadcast_to(np.asarray(values, float)[None] + jitter, shape)
    return xr.Dataset({variable: (("seed", *axes), values)}, coords={"seed": [0, 1, 2], **axes})


def window(by_onset):
    """Relative accuracy after one duration of the deficit, falling slightly with depth."""
    values = [[[0, effect - 0.001 * depth] for effect in by_onset] for depth in (2, 3)]
    return dataset("relative_accuracy", values, depth=[2, 3], onset=[0, 100, 200, 300], switch_epoch=[0, 500])


def crossing(axis, durations):
    """Relative accuracy that becomes harm at a duration of its own for each value of an axis."""
    values = [[0 if duration < first else -0.5 for duration in DURATIONS] for first in durations]
    return dataset("relative_accuracy", values, **{axis: [2, 3, 4], "switch_epoch": DURATIONS})


def ranks(higher, lower):
    values = [[[0, higher if first >= 2 * final else lower] for final in (2, 6)] for first in (2, 4, 12)]
    return dataset("relative_accuracy", values, pretrain_rank=[2, 4, 12], final_rank=[2, 6], switch_epoch=[0, 100_000])


def observed(few, many):
    values = [[0, few], [0, many]]
    return dataset("relative_accuracy", values, n_observed=[2000, 3000], switch_epoch=[0, 100])


def lost(rank, kept):
    """Effective rank and alignment over durations of the deficit at depth 3; depth 2 says the opposite."""
    axes = {"depth": [2, 3], "switch_epoch": DURATIONS}
    data = dataset("effective_rank", [rank[::-1], rank], **axes)
    alignment = [[kept[::-1], kept], [kept[::-1], kept[::-1]]]
    return data.merge(dataset("alignment", alignment, task=["first", "final"], **axes))


LOST = {"rank": [5, 5.1, 9, 12], "kept": [0.2, 0.2, 0.5, 0.6]}


def effects(axis, **last):
    """Relative accuracy after the longest deficit by the value of an axis."""
    values = [[0, effect / 2, effect] for effect in last.values()]
    return dataset("relative_accuracy", values, **{axis: list(last), "switch_epoch": [0, 100, 200]})


def rates(effect, sharpness):
    axes = {"learning_rate": [0.2, 10.0, 40.0], "switch_epoch": [0, 100]}
    data = dataset("relative_accuracy", [[0, value] for value in effect], **axes)
    return data.merge(dataset("sharpness", [[0.01, value] for value in sharpness], **axes))


RATES = {"effect": [-0.8, -0.78, -0.5], "sharpness": [0.06, 0.06, 0.05]}


def structures(disconnected, connected, harm):
    names = {"observations": ["connected", "disconnected"], "switch_epoch": [0, 100]}
    error = dataset("reconstruction_error", [[connected, 1], [disconnected, 1]], **names)
    return error.merge(dataset("relative_accuracy", [[0, harm], [0, 0]], **names))


def cyclic(smallest, largest):
    values = [[0, smallest], [0, largest]]
    return dataset("relative_accuracy", values, cycle_factor=[1.0, 10.0], switch_epoch=[0, 100])


def frozen(none, middle):
    """Relative accuracy after another task that all layers learn, or all but the middle one."""
    data = effects("frozen_layer", none=none, lowest=0, middle=middle)
    return data.assign_coords(frozen_layer=[np.nan, 1, 2])


CASES = [
    ("x1c", window([-0.5, -0.4, -0.1, 0]), window([-0.05, -0.4, -0.1, 0])),
    ("x1d", window([-0.5, -0.4, -0.1, 0]), window([-0.1, -0.4, -0.1, -0.3])),
    ("x1e", window([-0.5, -0.4, -0.1, 0]), window([-0.5, -0.4, -0.1, -0.1])),
    ("x1f", crossing("onset", [100, 200, 300]), crossing("onset", [300, 200, 100])),
    ("x2a", crossing("depth", [100, 200, 300]), crossing("depth", [200, 300, 100])),
    ("x2b", ranks(-0.5, 0), ranks(-0.05, -0.5)),
    ("x2c", ranks(-0.5, 0), ranks(0, -0.1)),
    ("x2d", observed(-0.9, 0), observed(-0.9, -0.06)),
    ("x5a", lost(**LOST), lost(**LOST | {"rank": [5, 5.1, 9, 5.9]})),
    ("x5c", lost(**LOST), lost(**LOST | {"kept": [0.2, 0.2, 0.5, 0.25]})),
    ("x6e", rates(**RATES), rates(**RATES | {"effect": [-0.8, -0.6, -0.5]})),
    ("x6f", rates(**RATES), rates(**RATES | {"effect": [-0.8, -0.8, -0.05]})),
    ("x6g", rates(**RATES), rates(**RATES | {"sharpness": [0.06, 0.06, 0.06]})),
    ("x6h", cyclic(-0.05, -0.5), cyclic(-0.5, -0.05)),
    ("x7a", effects("activation", linear=0, tanh=-0.5, relu=0), effects("activation", linear=-1, tanh=0, relu=-1)),
    ("x7b", effects("activation", linear=0, tanh=0, relu=-0.5), effects("activation", linear=-1, tanh=-1, relu=0)),
    ("x7c", effects("pretrain_matrix", random=0, digits=-1), effects("pretrain_matrix", random=-1, digits=0)),
    ("x7d", effects("final_matrix", random=0, digits=-1), effects("final_matrix", random=-1, digits=0)),
    ("x8a", structures(0.4, 0, -0.5), structures(0.2, 0, -0.5)),
    ("x8b", structures(0.4, 0, -0.5), structures(0.4, 0.1, -0.5)),
    ("x8c", structures(0.4, 0, -0.5), structures(0.4, 0, 0)),
    ("x9d", frozen(-0.5, -0.7), frozen(-0.5, -0.2)),
]


@pytest.mark.parametrize(("name", "true", "false"), CASES, ids=[case[0] for case in CASES])
def test_claims_hold_where_they_should_and_only_there(name, true, false):
    assert judge_claim(EXTENSION_CLAIMS[name], true).holds
    assert not judge_claim(EXTENSION_CLAIMS[name], false).holds


def test_what_is_missing_is_named():
    data = crossing("depth", [100, 200, 300])
    with pytest.raises(MissingDataError, match="no ranks of both tasks"):
        measures.effect_of_ranks(data)
    with pytest.raises(MissingDataError, match="no ranks with a ratio from 50"):
        measures.effect_of_ranks(ranks(0, 0), least=50)
    with pytest.raises(MissingDataError, match="no effective_rank"):
        measures.change_by_deficit(data, "effective_rank")
    with pytest.raises(MissingDataError, match="no learning_rate"):
        measures.largest_edge_ratio(data.rename(relative_accuracy="sharpness"))
