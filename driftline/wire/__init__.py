"""Batches of wire bytes to columns and back: the only code that runs once for every record."""
