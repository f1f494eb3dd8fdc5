"""Drift of what the model is given and what it answers, against its version's reference."""
