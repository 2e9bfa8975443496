"""What a precision can hold and resolve; known when the workflow is planned, without NumPy."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Precision:
    """A floating-point format.

    Parameters
    ----------
    smallest, largest
        Its smallest normal number, and its largest finite one.
    rtol, atol
        Smallest tolerances of an integration whose gradients are computed in it. Error estimates go no further down
        than rounding, some units in the last place of the parameters; tolerances below make steps tiny for nothing.
    """

    smallest: float
    largest: float
    rtol: float
    atol: float


_SINGLE, _DOUBLE = 2.0**-23, sys.float_info.epsilon

#: Precisions that training and integration know. SciPy does not go below 100 units in the last place of float64.
PRECISIONS = MappingProxyType(
    {
        "float32": Precision(2.0**-126, (2 - 2.0**-23) * 2.0**127, 64 * _SINGLE, _SINGLE / 64),
        "float64": Precision(sys.float_info.min, sys.float_info.max, 128 * _DOUBLE, _DOUBLE / 64),
    }
)
