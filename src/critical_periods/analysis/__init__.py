"""From cells to datasets, measures and verdicts."""
