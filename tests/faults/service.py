"""`python -m tests.faults.service KIND --spec … --instance … [--fault POINT:N] [--break NAME]`

The real service of a room in a process that can be made to die at a point, or whose loop is broken on purpose.
"""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path
from typing import Any

from tests.faults.points import FaultyClient, Trigger, install, install_in_trainer

ROOMS = {"consumer": "consumers.service", "monitor": "monitoring.service", "trainer": "training.service"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.faults.service")
    parser.add_argument("kind", choices=ROOMS)
    parser.add_argument("--spec", type=Path, required=True)
    parser.add_argument("--instance", required=True)
    parser.add_argument("--fault", default="", metavar="POINT:N")
    parser.add_argument("--break", dest="broken", default="", metavar="NAME")
    parser.add_argument("--slow-load", type=float, default=0.0, metavar="SECONDS", help="each model takes this long")
    asked = parser.parse_args()

    from driftline.service.runtime import run_service
    from driftline.workspace import Workspace

    trigger, client = Trigger.parse(asked.fault), FaultyClient
    if asked.broken:
        from tests.faults.breaks import BREAKS

        client = BREAKS[asked.broken]()
    install(client, trigger)
    if asked.kind == "trainer":
        install_in_trainer(trigger)
    room = importlib.import_module(ROOMS[asked.kind])
    if asked.slow_load and asked.kind == "consumer":
        slow(room, asked.slow_load)
    run_service(Workspace(asked.spec), asked.instance, room.build)


def slow(room: Any, seconds: float) -> None:
    """A registry far away: every model but the first takes its time."""
    open_scorer, loaded = room.open_scorer, []

    def opening(*arguments: Any) -> Any:
        if loaded:
            time.sleep(seconds)
        loaded.append(True)
        return open_scorer(*arguments)

    room.open_scorer = opening


if __name__ == "__main__":
    main()
