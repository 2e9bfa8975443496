"""Deep matrix completion (section 4; figs 4, 5, 6, 8, 13)."""
