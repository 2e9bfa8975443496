"""Kinds of figures that show pathways."""
