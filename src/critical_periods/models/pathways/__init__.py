"""Multi-pathway learning: networks, and the scalar dynamics of their modes (section 3; figs 1, 2, 3, 7, 11, 12)."""
