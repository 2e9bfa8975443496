"""Statistics of samples, each once."""

from __future__ import annotations

from typing import Any

import numpy as np


def spearman(one: Any, other: Any) -> float:
    """Spearman's rank correlation; 0 where one of the two does not vary."""
    from scipy.stats import spearmanr  # slow to load, and aggregation needs none of it

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one, other).statistic)


def confidence_interval(samples: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Interval that holds the mean of the population, by Student's t; two samples or more.

    Parameters
    ----------
    samples
        One number a seed.
    confidence
        How often such an interval holds the mean.
    """
    from scipy.stats import sem, t

    mean, error = float(samples.mean()), float(sem(samples))
    if error == 0:
        return mean, mean
    low, high = t.interval(confidence, len(samples) - 1, mean, error)
    return float(low), float(high)
