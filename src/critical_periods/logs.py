"""Logs of jobs: what a job does, how far it is, and what went wrong."""

from __future__ import annotations

import logging
import sys
from types import TracebackType


def log_to(path: str) -> logging.Logger:
    """Send all logging, and the exception that ends the job if one does, to a file.

    Parameters
    ----------
    path
        The log file, replaced if it exists.
    """
    logging.basicConfig(
        filename=path, filemode="w", level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )
    logger = logging.getLogger("critical_periods")

    def log_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logger.critical("", exc_info=(kind, error, trace))
        logger.critical("FAILED: %s", error)
        print(f"{kind.__name__}: {error} (log: {path})", file=sys.stderr)

    sys.excepthook = log_exception
    return logger
