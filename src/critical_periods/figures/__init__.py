"""Figures: each module draws one kind, from experiment datasets alone."""
