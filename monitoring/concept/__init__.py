"""Concept drift: detectors of a change in how often the model is wrong."""
