"""Critical learning periods in deep linear networks (Kleinman, Achille and Soatto, arXiv 2308.12221)."""

__version__ = "0.1.0"
