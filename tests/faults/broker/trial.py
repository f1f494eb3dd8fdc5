"""One trial: a stream under load on a cluster of its own, a fault put into it, and the account at the end."""

from __future__ import annotations

import json
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.workspace import Workspace
from tests.faults.broker.cluster import ProxiedKafka
from tests.faults.broker.fleet import Fleet
from tests.faults.broker.follower import Answered
from tests.faults.checker import Report, check
from tests.faults.draining import Drain
from tests.faults.loader import Load, Loader
from tests.faults.world import World, settle, specification

RESULTS = Path(__file__).resolve().parents[3] / "build" / "faults-broker.jsonl"
PARTITIONS = 4
# Of the default specification: what the cuts are shorter or longer than.
SESSION, TRANSACTION = 6.0, 15.0
# A wait ends as soon as its condition holds. The longest rests of clients, supervisor and coordinator together (15 s
# of transaction time-out, looked at every 10 s, and a service that starts again) fit in twice.
PATIENCE = 90.0
_LOOK = 0.1

Start = Callable[..., AbstractContextManager["Trial"]]


class Trial:
    """A running stream; see `trial`."""

    def __init__(self, folder: Path, cluster: ProxiedKafka, spec: Path, load: Load) -> None:
        self.folder, self.cluster, self.spec = folder, cluster, spec
        self.stream = Workspace(spec).spec.stream
        self.fleet = Fleet(spec)
        self.loader = Loader(cluster.bootstrap, self.stream, load, World(seed=7, flip_every=10**9))
        self.answered = Answered(cluster.bootstrap, self.stream, PARTITIONS)
        self._load = load
        self.recoveries: list[float] = []
        self.injected = 0

    def begin(self, *names: str, ways: dict[str, int] | None = None) -> None:
        """Start these services, each by its way or directly, and the load; until all of it flows."""
        for name in names:
            way = (ways or {}).get(name)
            self.fleet.start(name, self.cluster.bootstrap if way is None else self.cluster.by_way(way))
        self.wait("every service to be ready", lambda: not any(map(self.unready, names)))
        self.loader.start()
        self.flows()

    def unready(self, name: str) -> bool:
        """Whether a service is neither ready nor a healthy stand-by."""
        why = self.fleet.ready(name)
        return why is not None and not why.startswith("no partitions assigned")

    def wait(self, what: str, condition: Callable[[], bool], patience: float = PATIENCE) -> float:
        """Until `condition` holds, keeping the services up; returns the seconds it took."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > patience:
                raise AssertionError(f"waited {patience:.0f} s for {what}\n{self.fleet.last_words()}")
            time.sleep(_LOOK)
            self.fleet.watch()
        return time.monotonic() - began

    def last(self, seconds: float) -> None:
        """Let a fault last: the one wait here that is for time itself."""
        deadline = time.monotonic() + seconds
        self.wait("time to pass", lambda: time.monotonic() >= deadline, seconds + 5)

    def flows(self) -> None:
        """Until what is on the stream now is answered, some of it newly."""
        before = sum(self.answered.up_to.values())
        self.wait("answers to move", lambda: sum(self.answered.up_to.values()) > before)
        self.catch_up()

    def catch_up(self) -> float:
        """Until all that is on the stream now is answered; returns the seconds it took."""
        ends = self.answered.ends()
        return self.wait("what waited to be answered", lambda: self.answered.reached(ends))

    def loader_rests(self) -> None:
        """Let a few hundred records wait, then send no more."""
        sent = self.loader.sent
        self.wait("records to wait", lambda: self.loader.sent > sent + 300)
        self.loader.stop()
        self.loader.wait()

    def load_again(self, seed: int) -> Loader:
        """Another load, of other records, at once."""
        loader = Loader(self.cluster.bootstrap, self.stream, self._load, World(seed=seed, flip_every=10**9))
        loader.start()
        return loader

    def healed(self) -> float:
        """The fault is over: measure until everything that waited is answered."""
        self.recoveries.append(self.catch_up())
        return self.recoveries[-1]

    def finish(self) -> Report:
        """End the load, let all of it be answered and watched, end the services, and count."""
        self.loader.stop()
        self.loader.wait()
        assert self.loader.refused == 0, "the load itself was not accepted: nothing is proven"
        self.catch_up()
        if any(name.startswith("monitor") and self.fleet.ended(name) is None for name in self.fleet.names):
            drain = Drain(self.cluster.bootstrap, self.stream)
            self.wait("the monitors to have read all", lambda: not drain.left_of("monitors"))
        self.fleet.close()
        return check(self.cluster.bootstrap, self.stream)

    def record(self, fault: str, report: Report, **more: Any) -> None:
        """One line for `build/faults.json`."""
        line = {
            "fault": f"broker/{fault}",
            "injected": self.injected,
            "accepted": report.sizes["accepted"],
            "lost": report.faults["lost"],
            "duplicated": report.faults["duplicated"],
            "mis_versioned": report.mis_versioned,
            "reordered": report.faults["reordered"],
            "recovery_seconds": {
                "median": round(statistics.median(self.recoveries), 2) if self.recoveries else None,
                "worst": round(max(self.recoveries), 2) if self.recoveries else None,
            },
            **more,
        }
        self.write(line)

    @staticmethod
    def write(line: dict[str, Any]) -> None:
        """Add one result."""
        RESULTS.parent.mkdir(exist_ok=True)
        with RESULTS.open("a") as out:
            out.write(json.dumps(line) + "\n")

    def clean(self, fault: str, **more: Any) -> Report:
        """`finish`, `record`, and no promise broken."""
        report = self.finish()
        self.record(fault, report, **more)
        assert report.clean, "\n".join([*report.lines(), self.fleet.last_words()])
        assert report.sizes["accepted"] > 0
        return report

    def close(self) -> None:
        self.loader.stop()
        self.answered.close()
        self.fleet.close()


@contextmanager
def trial(
    folder: Path,
    models: Path,
    stream: str,
    *,
    nodes: int = 1,
    ways: int = 0,
    rate: float = 150,
    client: str = "kafka-python",
    settings: dict[str, str] | None = None,
    **kafka: Any,
) -> Iterator[Trial]:
    """A cluster, a stream's topics and registry, and a load of `rate` records a second that waits for `begin`."""
    cluster = ProxiedKafka(folder / "cluster", nodes, ways, settings)
    started = None
    try:
        cluster.start()
        document = specification(
            stream,
            nodes=nodes,
            client=client,
            **{"partitions": PARTITIONS, "session_timeout_ms": int(SESSION * 1000), **kafka},
        )
        spec = settle(folder / "stream", models, document)
        workspace = Workspace(spec)
        client = connect(Endpoint(cluster.bootstrap, workspace.spec.kafka))
        client.ensure_topics(topic_requests(workspace.spec))
        client.close()
        started = Trial(folder, cluster, spec, Load(rate=rate, delay=int(rate)))
        yield started
    finally:
        if started is not None:
            started.close()
        cluster.close()
        for node in range(nodes):
            shutil.rmtree(folder / "cluster" / f"node-{node}", ignore_errors=True)
