"""The embedded development broker, and the guard that ties a child process to its parent's life.

Nothing is imported here: ``guard`` runs once for every child process, so the way to it stays light.
"""
