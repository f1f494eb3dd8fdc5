"""Real Apache Kafka for tests: one KRaft node or three, on free ports of 127.0.0.1, nothing left behind.

``ApacheKafka(tmp_path, nodes=3)``, then ``start()``, ``kill(1)``, ``start(1)`` and at the end ``stop()``.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from driftline.broker.guard import guarded
from driftline.broker.net import HOST, ask_cluster, free_port
from tests.kafka.jars import KafkaUnavailable, have_java_and_maven, kafka_jars

__all__ = ["ApacheKafka", "KafkaStartError", "KafkaUnavailable", "have_java_and_maven", "kafka_jars"]

_START_ATTEMPTS = 3
_ARCHIVE = "classes.jsa"
# A small heap and the quick compiler only: several machines start on few cores. Benchmarks give their own.
QUICK_START = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_LOG4J2 = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR">
  <Appenders>
    <Console name="out" target="SYSTEM_OUT"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console>
  </Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""


class KafkaStartError(RuntimeError):
    """Apache Kafka did not come up; the message carries its last log lines."""


class ApacheKafka:
    """A cluster of Apache Kafka nodes, each broker and controller in one, node ids 0, 1, ...

    ``start``, ``stop``, ``kill`` and ``restart`` take a node id, or none for all nodes; ports and data are
    kept between them. With three nodes topics are replicated thrice with two in-sync replicas wanted.

    ``directory`` gets a folder and a log for every node. ``settings`` are lines of ``server.properties`` that
    replace the ones chosen here, ``jvm`` the options of the virtual machine. ``listeners`` names further listeners
    beside the plaintext one, each with its protocol (``{"WIRE": "SASL_SSL"}``; their addresses: ``bootstrap_at``), and
    ``format_options`` go to the tool that formats the data folders (``--add-scram …``). Every node dies with this
    process, and with the thread that started it. A node that was killed is let in again only when its old
    session has ended, after ``broker.session.timeout.ms``.
    """

    def __init__(
        self,
        directory: Path,
        nodes: int = 1,
        settings: Mapping[str, str] | None = None,
        jvm: Sequence[str] = QUICK_START,
        deadline_s: float = 60.0,
        listeners: Mapping[str, str] | None = None,
        format_options: Sequence[str] = (),
    ) -> None:
        self.directory = directory
        self.nodes = nodes
        # Kafka's own form of a random id: 16 bytes in URL-safe base64; the tool refuses a leading dash.
        self.cluster_id = "D" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        self._settings = dict(settings or {})
        self._jvm = list(jvm)
        self._deadline_s = deadline_s
        self._listeners = dict(listeners or {})
        self._format_options = list(format_options)
        self._ports: list[int] = []
        self._controller_ports: list[int] = []
        self._listener_ports: dict[str, list[int]] = {}
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._formatted = False

    @property
    def bootstrap(self) -> str:
        """``host:port`` of every node, joined by commas."""
        return ",".join(f"{HOST}:{port}" for port in self._ports)

    def bootstrap_at(self, listener: str, host: str = HOST) -> str:
        """``host:port`` of every node at one of the further ``listeners``."""
        return ",".join(f"{host}:{port}" for port in self._listener_ports[listener])

    def log(self, node: int) -> Path:
        """Return the file with everything a node printed."""
        return self.directory / f"node-{node}.log"

    def alive(self, node: int) -> bool:
        """Whether a node's process is running."""
        process = self._processes.get(node)
        return process is not None and process.poll() is None

    def start(self, node: int | None = None, wait: bool = True) -> None:
        """Start a node, or all, unless running, and wait until each running node lists every other.

        Without ``wait`` it returns at once: for a cluster which is meant to stay without its majority.
        """
        first = not self._formatted
        for attempt in range(1, _START_ATTEMPTS + 1):
            if not self._formatted:
                self._format()
            started = [i for i in self._chosen(node) if not self.alive(i)]
            for i in started:
                self._spawn(i)
            if not wait:
                return None
            try:
                return self._wait({*started, *filter(self.alive, range(self.nodes))})
            except KafkaStartError as error:
                # Somebody took a port between our choice and the bind: no data yet, so begin anew on others.
                if not first or attempt == _START_ATTEMPTS or "Address already in use" not in str(error):
                    self.kill(node)
                    raise
                self.kill()
                self._formatted = False

    def stop(self, node: int | None = None, timeout_s: float = 20.0) -> None:
        """Stop a node, or all, in order: SIGTERM, and SIGKILL for one which does not go."""
        chosen = self._chosen(node)
        self._signal(chosen, signal.SIGTERM)
        deadline = time.monotonic() + timeout_s
        for i in chosen:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if i in self._processes:
                    self._processes[i].wait(max(0.0, deadline - time.monotonic()))
                    archive = self._new_archive(kafka_jars())
                    if i == 0 and archive.exists():  # it has ended by itself, so this file is whole
                        archive.replace(archive.with_name(_ARCHIVE))
        self.kill(node)

    def kill(self, node: int | None = None) -> None:
        """Kill a node, or all, with SIGKILL."""
        chosen = self._chosen(node)
        self._signal(chosen, signal.SIGKILL)
        for i in chosen:
            if i in self._processes:
                self._processes.pop(i).wait()

    def restart(self, node: int | None = None) -> None:
        """Stop a node, or all, in order and start again on the same data."""
        self.stop(node)
        self.start(node)

    def _chosen(self, node: int | None) -> Iterable[int]:
        return range(self.nodes) if node is None else [node]

    def _signal(self, chosen: Iterable[int], number: int) -> None:
        for i in chosen:
            if self.alive(i):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._processes[i].pid, number)

    def _format(self) -> None:
        """Choose ports, write the configuration and format every node's data folder."""
        libs = kafka_jars()
        self._ports = [free_port() for _ in range(self.nodes)]
        self._controller_ports = [free_port() for _ in range(self.nodes)]
        self._listener_ports = {name: [free_port() for _ in range(self.nodes)] for name in self._listeners}
        formatting: list[tuple[subprocess.Popen[bytes], int]] = []
        for i in range(self.nodes):
            home = self._home(i)
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            (home / "log4j2.xml").write_text(_LOG4J2)
            lines = (self._properties(i) | self._settings).items()
            (home / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in lines))
            tool = ["kafka.tools.StorageTool", "format", "-t", self.cluster_id]
            with self.log(i).open("ab") as out:
                # All at once: most of it is the virtual machine's start.
                formatting.append(
                    (self._java(i, libs, [*tool, "-c", "server.properties", *self._format_options], out), i)
                )
        for process, i in formatting:
            if process.wait(self._deadline_s) != 0:
                raise KafkaStartError(f"formatting node {i} failed:\n{self._tail(i)}")
        self._formatted = True

    def _spawn(self, node: int) -> None:
        with self.log(node).open("ab") as out:
            run = ["kafka.Kafka", "server.properties"]
            self._processes[node] = self._java(node, kafka_jars(), run, out)

    def _java(self, node: int, libs: Path, main: list[str], out: IO[bytes]) -> subprocess.Popen[bytes]:
        # Loaded classes are kept between runs, which halves the start: the first node to be stopped in order
        # writes them, stop() puts them in place, later ones map them, or do without if they do not fit.
        share: list[str] = []
        if (libs / _ARCHIVE).exists():
            share = [f"-XX:SharedArchiveFile={libs / _ARCHIVE}"]
        elif main[0] == "kafka.Kafka" and node == 0:
            share = [f"-XX:ArchiveClassesAtExit={self._new_archive(libs)}"]
        command = ["java", *self._jvm, *share, "-Dlog4j2.configurationFile=log4j2.xml", "-cp", f"{libs}/*"]
        return subprocess.Popen(
            guarded([*command, *main], signal.SIGKILL),
            cwd=self._home(node),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C ends the tests first, then their fixtures end the nodes
        )

    def _new_archive(self, libs: Path) -> Path:
        return libs / f"{_ARCHIVE}.{self.cluster_id}"

    def _wait(self, running: set[int]) -> None:
        """Return once each of these nodes lists all of them as live brokers."""
        deadline = time.monotonic() + self._deadline_s
        waiting = set(running)
        while waiting:
            for i in sorted(waiting):
                if not self.alive(i):
                    raise KafkaStartError(f"node {i} stopped while starting; its last lines:\n{self._tail(i)}")
                with contextlib.suppress(OSError):
                    view = ask_cluster(self._ports[i])
                    if view.cluster_id == self.cluster_id and running <= set(view.brokers):
                        waiting.discard(i)
            if waiting and time.monotonic() > deadline:
                i = min(waiting)
                raise KafkaStartError(
                    f"nodes {sorted(waiting)} were not ready within {self._deadline_s:g} s; "
                    f"the last lines of node {i}:\n{self._tail(i)}"
                )
            time.sleep(0.05)

    def _home(self, node: int) -> Path:
        return self.directory / f"node-{node}"

    def _tail(self, node: int, lines: int = 25) -> str:
        return "\n".join(self.log(node).read_text(errors="replace").splitlines()[-lines:])

    def _properties(self, node: int) -> dict[str, str]:
        voters = ",".join(f"{i}@{HOST}:{port}" for i, port in enumerate(self._controller_ports))
        replicas, in_sync = str(min(self.nodes, 3)), "2" if self.nodes >= 3 else "1"
        plain, control = self._ports[node], self._controller_ports[node]
        further = [f"{name}://{HOST}:{ports[node]}" for name, ports in self._listener_ports.items()]
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"} | self._listeners
        return {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "listeners": ",".join([f"PLAINTEXT://{HOST}:{plain}", f"CONTROLLER://{HOST}:{control}", *further]),
            "advertised.listeners": ",".join([f"PLAINTEXT://{HOST}:{plain}", *further]),
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in protocols.items()),
            "log.dirs": "data",
            "auto.create.topics.enable": "false",
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": in_sync,
            "share.coordinator.state.topic.num.partitions": "4",
            # No waiting for more members: tests start theirs one after the other.
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": 1000,
            # A killed node is noticed after this long; Kafka's own 9 s make every fault test wait.
            "broker.session.timeout.ms": "4000",
            "broker.heartbeat.interval.ms": "500",
            # Small: three nodes share one test machine.
            "log.cleaner.dedupe.buffer.size": "16777216",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "background.threads": "4",
        }
