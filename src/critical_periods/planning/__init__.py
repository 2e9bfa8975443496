"""From a configuration to cells and jobs."""
