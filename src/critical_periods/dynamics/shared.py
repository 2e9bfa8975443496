"""What holds for a whole process, while several of its threads need it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock
from types import TracebackType
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Shared(Generic[Value]):
    """A context that threads are in together: the first thread to come enters it, the last one to leave exits it.

    For what cannot be set for one thread alone. Were every thread to restore what it found, one that came while
    another was there would restore what the other had set.

    Parameters
    ----------
    context
        Makes the context; what it gives on entry every thread is given.
    """

    def __init__(self, context: Callable[[], AbstractContextManager[Value]]) -> None:
        self._make = context
        self._lock, self._threads = Lock(), 0
        self._context: AbstractContextManager[Value]
        self._value: Value

    def __enter__(self) -> Value:
        with self._lock:
            if not self._threads:
                self._context = self._make()
                self._value = self._context.__enter__()
            self._threads += 1
            return self._value

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._threads -= 1
            if not self._threads:
                self._context.__exit__(None, None, None)
