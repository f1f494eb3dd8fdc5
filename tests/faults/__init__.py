"""Faults put into a running stream, and a checker that counts what they cost. `make test-faults` runs all of it."""
