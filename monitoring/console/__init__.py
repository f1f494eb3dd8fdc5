"""The console: one page that shows the loop as it runs, and lets a person act on it."""
