"""Logs of jobs: what a job does, how far it is, and what went wrong."""

from __future__ import annotations

import logging
import signal
import sys
from types import TracebackType

from critical_periods.storage.datasets import DatasetError


def log_to(path: str) -> logging.Logger:
    """Send all logging, and the exception that ends the job if one does, to a file; let SIGTERM end it in order.

    A damaged input is set aside under another name, so that the next run makes it anew instead of reading it again.

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
        if isinstance(error, KeyboardInterrupt):
            logger.info("stopped by SIGINT")
            return
        logger.critical("", exc_info=(kind, error, trace))
        message = str(error) or kind.__name__
        if isinstance(error, DatasetError) and (done := error.set_aside()):
            message += f" ({done})"
        logger.critical("FAILED: %s", message)
        print(f"{kind.__name__}: {message} (log: {path})", file=sys.stderr)

    sys.excepthook = log_exception
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    return logger
