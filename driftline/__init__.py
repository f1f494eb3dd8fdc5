"""driftline keeps a classifier right while the world changes under it."""

__version__ = "0.1.0"
