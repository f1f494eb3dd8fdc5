"""Short scenes in which a broken loop must show: a fault of each kind, at a moment where it matters."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.workspace import Workspace
from tests.faults import world
from tests.faults.checker import Report, check
from tests.faults.draining import Drain
from tests.faults.fleet import Fleet, Instance
from tests.faults.loader import Load, Loader
from tests.faults.operator import Operator

# A wait ends as soon as its condition holds; this is for a machine that does ten things at once.
PATIENCE = 90.0


class Scene:
    """A stream with a load and some services, which a script kills and starts again.

    Parameters
    ----------
    broken : the `--break` of every service, or ''.
    """

    def __init__(self, name: str, bootstrap: str, models: Path, folder: Path, broken: str, rate: float = 400.0) -> None:
        document = world.specification(name, client="kafka-python")
        self.spec = world.settle(folder, models, document)
        workspace = Workspace(self.spec)
        client = connect(Endpoint(bootstrap, workspace.spec.kafka, "scene"))
        client.ensure_topics(topic_requests(workspace.spec))
        client.close()
        self._name, self._bootstrap = name, bootstrap
        self._more = ("--break", broken) if broken else ()
        self.fleet = Fleet(self.spec, bootstrap)
        self.loader = Loader(bootstrap, name, Load(rate, delay=300), world.World(7))
        self.operator = Operator(workspace, bootstrap, 7)

    def close(self) -> None:
        self.loader.stop()
        self.fleet.close()

    def start(self, name: str, *arguments: str, fault: str = "") -> Instance:
        """Start (again) an instance, whose kind is the first part of its name."""
        instance = self.fleet.instances.get(name)
        if instance is None:
            kind = name.split("-")[0]
            instance = self.fleet.add(name, kind, *self._more, *arguments)  # type: ignore[arg-type]
        self.fleet.start(instance, fault)
        return instance

    def kill(self, instance: Instance) -> None:
        """SIGKILL, and wait for the end."""
        self.fleet.signal(instance, signal.SIGKILL)
        self.await_death(instance)

    def await_death(self, instance: Instance) -> None:
        self.wait(f"{instance.name} to die", lambda: self.fleet.buried(instance) == -signal.SIGKILL)

    def await_commits(self, instance: Instance, rounds: int = 1) -> None:
        """Until the living process has committed that many rounds more than now."""
        before = self.fleet.state(instance).commits or 0.0
        self.wait(
            f"{instance.name} to commit", lambda: (self.fleet.state(instance).commits or 0.0) >= before + rounds, 0.1
        )

    def await_drained(self) -> None:
        """Until the groups that have members have worked everything off."""
        drain = Drain(self._bootstrap, self._name)
        kinds = {i.kind + "s" for i in self.fleet.instances.values() if i.running}
        self.wait("the stream to be worked off", lambda: not kinds & drain.left().keys(), 0.2)

    def finish(self) -> Report:
        """Stop the load, work it off, stop the services, and check."""
        self.loader.stop()
        self.loader.wait()
        self.await_drained()
        monitored = any(i.kind == "monitor" for i in self.fleet.instances.values())
        self.fleet.stop()
        return check(self._bootstrap, self._name, drained=monitored)

    def wait(self, what: str, condition: Callable[[], bool], rest: float = 0.05) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                words = "\n".join(f"--- {name}\n{self.fleet.last_words(name)}" for name in self.fleet.instances)
                raise AssertionError(f"waited {PATIENCE:.0f} s for {what}\n{words}")
            time.sleep(rest)


def killed_inside_a_commit(scene: Scene) -> Report:
    """A consumer dies with its outputs and offsets sent and its transaction open, and comes back."""
    consumer = scene.start("consumer-0", fault="inside-commit:8")
    scene.loader.start()
    scene.await_death(consumer)
    scene.start("consumer-0")
    scene.await_commits(consumer, 3)
    return scene.finish()


def taken_over_by_one_that_is_behind(scene: Scene, slow: float) -> Report:
    """A consumer that has swapped dies; its partitions go to one whose model takes `slow` seconds to load."""
    first = scene.start("consumer-0")
    scene.loader.start()
    scene.await_commits(first, 3)
    second = scene.start("consumer-1", "--slow-load", str(slow))
    scene.await_commits(second, 3)
    scene.operator.promote()
    scene.wait("the swap", lambda: '"version ready"' in scene.fleet.last_words("consumer-0", 50))
    scene.await_commits(first, 10)
    scene.kill(first)
    scene.wait(
        "the partitions to move",
        lambda: scene.fleet.last_words("consumer-1", 200).count("partitions assigned") > 1,
        0.1,
    )
    scene.await_commits(second, 3)
    return scene.finish()


def monitor_killed(scene: Scene) -> Report:
    """A monitor dies in the middle of its work, and another process of its name goes on."""
    scene.start("consumer-0")
    monitor = scene.start("monitor-0")
    scene.loader.start()
    scene.await_commits(monitor, 4)
    scene.kill(monitor)
    scene.start("monitor-0")
    scene.await_commits(monitor, 4)
    return scene.finish()
