"""Arrays of two engines, NumPy and torch, by the names that both share; torch is loaded where its tensors are wanted.

Everything that both call alike (`matmul`, `where`, `linalg.svd`, `sum(axis)`, `mT`, ...) is called on `engine(array)`
or on the array itself; what they call otherwise is here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from critical_periods.dynamics.engines import engine_name
from critical_periods.dynamics.schedules import Schedule
from critical_periods.dynamics.shared import Shared

#: Kinds of NumPy's types that are real numbers.
REAL = "biuf"


def placed(arrays: Sequence[np.ndarray], dtype: str, device: str = "cpu") -> list[Any]:
    """Copies of arrays for the engine that computes on a device, in a precision.

    Raises
    ------
    RuntimeError
        If there is no such device, or no torch where that is needed.
    """
    if engine_name(device) == "numpy":
        return [np.array(array, dtype) for array in arrays]
    try:
        import torch
    except ImportError:
        raise RuntimeError(f"device = {device!r} needs torch, which is not installed; allowed: cpu") from None
    if device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device = 'cuda', but torch finds no CUDA device here; allowed: cpu")
    return [torch.tensor(array, dtype=getattr(torch, dtype), device=device) for array in arrays]


@contextmanager
def _one_thread() -> Iterator[int]:
    """Limit BLAS to one thread, in the whole process; gives the number of threads that torch has, 0 without it."""
    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    threads = 0 if torch is None else torch.get_num_threads()
    with threadpool_limits(1, "blas"):
        yield threads


_ONE_THREAD = Shared(_one_thread)


@contextmanager
def solving() -> Iterator[None]:
    """Run NumPy, and torch if it is loaded, on one thread, without autograd and without warnings of overflow.

    Small products are fastest so, and results do not depend on the number of cores. Records tell of runs that diverge.
    """
    torch = sys.modules.get("torch")
    with _ONE_THREAD as threads, np.errstate(over="ignore", invalid="ignore"):
        if torch is None:
            yield
            return
        # Torch sets the number for the thread that asks and for those that use it later, of which this may be one.
        before = threads or torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.no_grad():
                yield
        finally:
            torch.set_num_threads(before)


def is_tensor(array: Any) -> bool:
    """Whether an array is a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def engine(array: Any) -> Any:
    """The module whose functions take an array: numpy or torch."""
    return sys.modules["torch"] if is_tensor(array) else np


def copied(array: Any) -> Any:
    """Copy of an array, of its own kind."""
    return array.clone() if is_tensor(array) else array.copy()


def as_numpy(array: Any) -> np.ndarray:
    """NumPy array of the same values, in the same memory where it can be."""
    return array.cpu().numpy() if is_tensor(array) else np.asarray(array)


def as_floats(values: Any) -> np.ndarray:
    """Floating-point numbers of an array of NumPy, torch, Dask, pandas or xarray; NaN where an entry is missing.

    Raises
    ------
    ValueError
        If it is no array of real numbers; it says what is needed and what was found.
    """
    values = unwrapped(values)
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(values, pandas.DataFrame):
        # A column each has its type; together they may be Python objects, and pandas has an NA of its own.
        columns = {str(dtype) for dtype in values.dtypes if dtype.kind not in REAL}
        if columns:
            raise ValueError(f"numbers; it has columns of {', '.join(sorted(columns))}")
        return np.asarray(values.to_numpy(dtype=float, na_value=np.nan))
    try:
        array = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"an array of numbers; {error}") from None
    if array.dtype.kind not in REAL:
        raise ValueError(f"numbers; it holds {array.dtype}")
    floats = array.astype(float)
    return floats.filled(np.nan) if isinstance(floats, np.ma.MaskedArray) else floats


def unwrapped(values: Any) -> Any:
    """The array in memory that an array of Dask or xarray stands for, its mask kept; all else as it is."""
    values = values.compute() if hasattr(values, "compute") else values
    xarray = sys.modules.get("xarray")
    return values.data if xarray is not None and isinstance(values, xarray.DataArray) else values


def alike(values: Any, array: Any) -> Any:
    """Values as of the kind, precision and device of an array, in the same memory where they are so already.

    Raises
    ------
    ValueError
        If either is misread otherwise, as `check_array` has it; the array has to be of floating-point numbers.
    """
    check_array("values", values)
    check_array("parameters", array, "f")
    if is_tensor(array):
        return engine(array).as_tensor(values).to(array)
    return as_numpy(values).astype(array.dtype, copy=False)


def check_array(name: str, array: Any, kinds: str = REAL) -> None:
    """Refuse what arithmetic would misread: masks, matrices, labelled arrays, and what is not real numbers.

    Parameters
    ----------
    name
        What it is, for the error.
    array
        An array, a number, or lists of numbers.
    kinds
        Kinds of NumPy's types that are allowed.

    Raises
    ------
    ValueError
        With what was found and what is allowed.
    """
    if isinstance(array, list | tuple | int | float | np.generic):
        array = np.asarray(array)
    if is_tensor(array):
        fits = array.is_floating_point() or (kinds == REAL and not array.is_complex())
    else:
        plain = isinstance(array, np.ndarray) and not isinstance(array, np.ma.MaskedArray | np.matrix)
        fits = plain and array.dtype.kind in kinds
    if not fits:
        found = f"{type(array).__name__} of {getattr(array, 'dtype', 'objects')}"
        numbers = "real numbers" if kinds == REAL else "floating-point numbers"
        raise ValueError(f"{name} = {found}; allowed: a NumPy array or torch tensor of {numbers}, without a mask")


def check_arrays(parameters: Sequence[Any], schedule: Schedule) -> None:
    """Refuse parameters, tasks and jumps that a solver would misread.

    Raises
    ------
    ValueError
        As of `check_array`.
    """
    for index, parameter in enumerate(parameters):
        check_array(f"parameters[{index}]", parameter, "f")
    for phase in schedule:
        for name, array in vars(phase.task).items():
            if array is not None:
                check_array(f"phase {phase.name!r}: {name}", array)
        for added in () if phase.jump is None else phase.jump.add:
            check_array(f"phase {phase.name!r}: jump", added)


def precision(array: Any) -> str:
    """Name of an array's floating-point format, such as float32."""
    return str(array.dtype).removeprefix("torch.")
