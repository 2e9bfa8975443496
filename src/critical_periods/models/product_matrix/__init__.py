"""Dynamics of the product matrix: theory beside training (appendices B and C; figs 9, 10)."""
