"""What tests ask about processes that are not their children."""

from __future__ import annotations

import os
import time


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has died and that nobody has waited for yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            # The name in parentheses may hold spaces; the state follows it.
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        # Without /proc (macOS) believe the signal; with it, the process went between the two questions.
        return not os.path.isdir("/proc/self")


def gone_within(pid: int, seconds: float) -> bool:
    """Whether a process ends within some seconds."""
    deadline = time.monotonic() + seconds
    while is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
