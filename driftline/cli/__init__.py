"""The `driftline` command: the front door to every room. Rooms are imported only by the command that needs them."""
