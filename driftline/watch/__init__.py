"""Watching a stream from outside: bookkeeping over its topics, and the live screen."""
