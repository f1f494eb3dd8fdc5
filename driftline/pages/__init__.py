"""Self-contained HTML pages: what `driftline explore` and `driftline models card` write."""
