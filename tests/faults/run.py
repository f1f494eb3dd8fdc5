"""One run: a stream under load, a fleet under fire, and at the end the count of what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.workspace import Workspace
from tests.faults import world
from tests.faults.chaos import Chaos, Recovery
from tests.faults.checker import Report, check
from tests.faults.draining import Drain
from tests.faults.fleet import Fleet
from tests.faults.loader import Load, Loader
from tests.faults.operator import Operator
from tests.faults.plan import FREEZE, LEAVE, Kind
from tests.faults.sightings import Sightings

Tell = Callable[[str], None]
# Whatever was held up by the last faults (a session of 3 s, a transaction of 15 s, a training) is over by then.
DRAINED_WITHIN = 180.0
_TELL_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """One run of the matrix. The same settings plan the same faults.

    Attributes
    ----------
    records, kills : the run lasts until there have been as many of both.
    longest : seconds after which it ends even so.
    calm : factor on the pauses between faults.
    trainer : whether a trainer takes part; a training costs seconds of a core.
    """

    name: str
    seed: int
    records: int
    rate: float
    kills: int = 0
    longest: float = 400.0
    nodes: int = 1
    client: str = "auto"
    consumers: int = 3
    monitors: int = 2
    trainer: bool = True
    calm: float = 1.0
    flip_every: int = 25_000


@dataclass(slots=True)
class Result:
    """What a run came to."""

    settings: Settings
    report: Report
    seconds: float
    injected: dict[tuple[str, str], int]
    recoveries: list[Recovery]
    promotions: int
    jobs_asked: int
    refused: int
    unexpected: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """SIGKILLs, from outside and at points."""
        return sum(count for (_, name), count in self.injected.items() if name not in (FREEZE, LEAVE))

    @property
    def clean(self) -> bool:
        """Whether every promise held, the stream was worked off, and no service ended of itself."""
        return self.report.clean and not self.refused and not self.unexpected

    def document(self) -> dict[str, Any]:
        """For build/faults.json."""
        return {
            **asdict(self.settings),
            "seconds": round(self.seconds, 1),
            "faults_injected": sum(self.injected.values()),
            "kills_done": self.kills,
            "operator": {"promotions": self.promotions, "jobs": self.jobs_asked},
            "unexpected_ends": self.unexpected,
            "report": self.report.document(),
        }


def run(settings: Settings, bootstrap: str, models: Path, folder: Path, tell: Tell = lambda line: None) -> Result:
    """Carry out one run on a cluster that is there.

    Parameters
    ----------
    models : from `world.first_models`.
    folder : an empty one for this run; logs stay in it.
    tell : given a line for a person now and then.
    """
    began = time.monotonic()
    document = world.specification(settings.name, nodes=settings.nodes, client=settings.client)
    spec = world.settle(folder, models, document)
    data = world.rows(folder / "rows.csv", 3_000, settings.seed)
    workspace = Workspace(spec)
    client = connect(Endpoint(bootstrap, workspace.spec.kafka, "faults"))
    client.ensure_topics(topic_requests(workspace.spec))
    client.close()
    fleet = Fleet(spec, bootstrap, data)
    kinds: list[tuple[str, Kind]] = [(f"consumer-{i}", "consumer") for i in range(settings.consumers)]
    kinds += [(f"monitor-{i}", "monitor") for i in range(settings.monitors)]
    kinds += [("trainer-0", "trainer")] if settings.trainer else []
    for name, kind in [*kinds, ("produce", "producer")]:
        fleet.add(name, kind)  # type: ignore[arg-type]
    load = Load(settings.rate)
    loader = Loader(bootstrap, settings.name, load, world.World(settings.seed, settings.flip_every))
    sightings = Sightings(bootstrap, workspace.spec.topics.features, workspace.spec.kafka.partitions)
    operator = Operator(workspace, bootstrap, settings.seed)
    chaos = Chaos(fleet, settings.seed, sightings, settings.calm)
    try:
        chaos.begin()
        loader.start()
        _under_fire(settings, chaos, loader, operator, tell, began)
        chaos.calm()
        loader.wait()
        drained = _drain(fleet, chaos, Drain(bootstrap, settings.name), tell)
        statuses = fleet.stop()
    finally:
        fleet.close()
        sightings.close()
    chaos.unexpected += [f"{name} stopped with status {status}" for name, status in statuses.items() if status]
    if drained:
        chaos.unexpected.append(f"not worked off after {DRAINED_WITHIN:.0f} s: {drained}")
    tell("reading the topics")
    report = check(bootstrap, settings.name, drained=True)
    return Result(
        settings,
        report,
        time.monotonic() - began,
        dict(chaos.injected),
        chaos.recoveries,
        operator.promotions,
        operator.jobs,
        loader.refused,
        chaos.unexpected,
    )


def _under_fire(settings: Settings, chaos: Chaos, loader: Loader, operator: Operator, tell: Tell, began: float) -> None:
    told = 0.0
    while loader.sent < settings.records or chaos.kills < settings.kills:
        if time.monotonic() - began > settings.longest:
            break
        chaos.tick()
        operator.tick()
        now = time.monotonic()
        if now - told >= _TELL_EVERY:
            told = now
            tell(
                f"{now - began:5.0f} s  {loader.sent:9,} of {settings.records:,} records, {chaos.kills} kills, "
                f"{operator.promotions} promotions, {len(chaos.unexpected)} unexpected ends"
            )
        time.sleep(0.05)
    loader.stop()


def _drain(fleet: Fleet, chaos: Chaos, drain: Drain, tell: Tell) -> dict[str, int]:
    """Until nothing is left in any group; returns what is, if it takes too long."""
    deadline = time.monotonic() + DRAINED_WITHIN
    (produce,) = (i for i in fleet.instances.values() if i.kind == "producer")
    left, retired = {"everything": 1}, False
    while left and time.monotonic() < deadline:
        for _ in range(20):
            chaos.tick()
            time.sleep(0.05)
        if not retired and chaos.all_up:
            chaos.retire(produce)
            retired = True
        if retired and chaos.all_up:
            left = drain.left()
            tell(
                "working off what is left: " + (", ".join(f"{n} partitions of {g}" for g, n in left.items()) or "done")
            )
    return left
