"""Searching for better settings: what is searched, and the study that remembers the search."""
