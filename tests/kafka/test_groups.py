"""Members come, go and are killed: what does not move is left alone, and no record is lost or answered twice."""

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from driftline.kafka.interface import (
    Client,
    Fenced,
    Outgoing,
    Reader,
    Rebalance,
    Replaced,
    TopicPartition,
    TopicRequest,
)
from tests.kafka.apache import ApacheKafka
from tests.kafka.conftest import Connect
from tests.kafka.polling import collect, produce, until

PARTITIONS = 6


class Watched:
    """A reader and what it was told."""

    def __init__(self, client: Client, group: str, topic: str) -> None:
        self.told: list[tuple[str, frozenset[TopicPartition]]] = []
        self.reader: Reader = client.reader(
            group,
            [topic],
            Rebalance(
                assigned=lambda tps: self.told.append(("assigned", tps)),
                revoked=lambda tps: self.told.append(("revoked", tps)),
            ),
        )

    def step(self) -> None:
        self.reader.poll(0.05, 100)

    @property
    def owns(self) -> frozenset[TopicPartition]:
        return self.reader.assignment()

    def lost(self) -> set[TopicPartition]:
        return {tp for kind, tps in self.told if kind == "revoked" for tp in tps}


def joined(*members: Watched) -> bool:
    """Whether the members share all partitions evenly, each partition owned once."""
    shares = [member.owns for member in members]
    return len(frozenset().union(*shares)) == sum(map(len, shares)) == PARTITIONS and all(
        len(share) == PARTITIONS // len(members) for share in shares
    )


@pytest.fixture
def topic(on_apache: Connect, fresh_name: str) -> str:
    on_apache().ensure_topics(
        [TopicRequest(fresh_name, PARTITIONS, 1, {}), TopicRequest(f"{fresh_name}.out", PARTITIONS, 1, {})]
    )
    return fresh_name


def test_only_what_moves_is_taken_away_when_a_third_member_comes(on_apache: Connect, topic: str) -> None:
    members = [Watched(on_apache(), f"g-{topic}", topic) for _ in range(2)]
    step = lambda: [member.step() for member in members]  # noqa: E731
    assert until(lambda: joined(*members), step)
    before = [member.owns for member in members]
    for member in members:
        member.told.clear()
    members.append(Watched(on_apache(), f"g-{topic}", topic))
    assert until(lambda: joined(*members), step)
    for owned, member in zip(before, members, strict=False):
        kept = owned & member.owns
        assert len(kept) == 2
        assert member.lost() == owned - kept
        assert all(kind == "revoked" for kind, _ in member.told)
    for member in members:
        member.reader.close()


def test_members_that_come_and_go_answer_every_record_once(on_apache: Connect, topic: str) -> None:
    """Three members on threads of their own, each a loop of transactions; one comes late, one leaves early."""
    client, count = on_apache(), 6_000
    stop, leave = threading.Event(), threading.Event()
    outcomes: Counter[str] = Counter()
    failures: list[BaseException] = []

    def member(number: int, until_set: threading.Event) -> None:
        try:
            work(on_apache(), topic, f"tx-{topic}-{number}", until_set, outcomes)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=member, args=(0, stop)), threading.Thread(target=member, args=(1, leave))]
    for thread in threads:
        thread.start()
    produce(client, topic, count // 3, keys=50)
    assert until(lambda: outcomes["committed"] > 20, lambda: time.sleep(0.01))
    threads.append(threading.Thread(target=member, args=(2, stop)))
    threads[-1].start()
    produce(client, topic, count // 3, keys=50)
    leave.set()
    produce(client, topic, count // 3, keys=50)
    tail = client.tail([f"{topic}.out"])
    found = collect(tail, count, seconds=60)
    stop.set()
    for thread in threads:
        thread.join()
    found += collect(tail, 1, seconds=1)
    tail.close()
    assert not failures
    times = Counter((key, value) for _, _, key, value in found)
    assert sum(times.values()) == count
    assert set(times.values()) == {3}  # each third of the records has the same values
    assert outcomes["committed"] > 0


def work(client: Client, topic: str, name: str, stop: threading.Event, outcomes: Counter[str]) -> None:
    """Answers each record on the same partition of the output topic, in transactions of at most 20."""
    offsets: dict[TopicPartition, int] = {}
    writer = client.writer(name)

    def drop(partitions: frozenset[TopicPartition]) -> None:
        for partition in partitions:
            offsets.pop(partition, None)

    reader = client.reader(f"g-{topic}", [topic], Rebalance(revoked=drop))
    while not stop.is_set():
        batches = reader.poll(0.05, 20)
        try:
            for batch in batches:
                writer.send(Outgoing(f"{topic}.out", batch.values, batch.keys, batch.partition))
                offsets[(batch.topic, batch.partition)] = batch.next_offset
            if offsets:
                writer.commit(reader, offsets)
                outcomes["committed"] += 1
        except Fenced:
            outcomes["fenced"] += 1
            writer.abort()
            reader.rewind()
        offsets.clear()
    reader.close()
    writer.close()


MEMBER = """
import sys, time
from driftline.kafka.connect import Endpoint, connect
from driftline.spec.sections import KafkaSpec
bootstrap, library, instance, topic = sys.argv[1:]
spec = KafkaSpec(client=library, session_timeout_ms=10000)
began = time.time()
reader = connect(Endpoint(bootstrap, spec, instance)).reader(f"g-{topic}", [topic])
while True:
    for batch in reader.poll(0.1, 100):
        reader.commit({(batch.topic, batch.partition): batch.next_offset})
        print(time.time() - began, flush=True)
"""


class Process:
    """A member in a process of its own, which can be killed."""

    def __init__(self, cluster: ApacheKafka, library: str, instance: str, topic: str) -> None:
        arguments = [cluster.bootstrap, library, instance, topic]
        self._process = subprocess.Popen(
            [sys.executable, "-c", MEMBER, *arguments], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )

    def first(self) -> float:
        """Seconds from joining to the next record. (Starting Python takes longer than that on a busy machine.)"""
        assert self._process.stdout is not None
        return float(self._process.stdout.readline())

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.mark.slow
def test_a_killed_member_that_comes_back_under_its_name_has_its_partitions_at_once(
    on_apache: Connect, apache_kafka: ApacheKafka, library: str, topic: str
) -> None:
    stays = Watched(on_apache("stays", 10_000), f"g-{topic}", topic)
    first = Process(apache_kafka, library, "killed", topic)
    client, stop = on_apache(), threading.Event()
    writer = client.writer()

    def step() -> None:
        writer.send(Outgoing(topic, [b"x"] * PARTITIONS * 4, [b"%d" % i for i in range(PARTITIONS * 4)]))
        writer.commit(None, {})
        stays.step()

    def background() -> None:
        while not stop.is_set():
            step()

    assert until(lambda: len(stays.owns) == PARTITIONS // 2 and not step(), step)
    stays.told.clear()
    runs = threading.Thread(target=background)
    runs.start()
    try:
        for _ in range(10):  # so that the group has come to rest
            first.first()
        first.kill()
        second = Process(apache_kafka, library, "killed", topic)
        took = second.first()
        second.kill()
    finally:
        stop.set()
        runs.join()
    assert took < 5.0  # half the session time-out, for which an unnamed member's partitions would stand still
    assert stays.told == []
    writer.close()
    stays.reader.close()


def test_a_named_member_that_closes_gives_its_partitions_away_at_once(on_apache: Connect, topic: str) -> None:
    stays, goes = (Watched(on_apache(name, 60_000), f"g-{topic}", topic) for name in ("stays", "goes"))
    step = lambda: (stays.step(), goes.step())  # noqa: E731
    assert until(lambda: joined(stays, goes), step)
    goes.reader.close()
    # Far below the session time-out of a minute.
    assert until(lambda: joined(stays), stays.step, seconds=10)
    stays.reader.close()


def test_the_first_of_two_processes_of_one_name_is_told_that_it_was_replaced(on_apache: Connect, topic: str) -> None:
    first = Watched(on_apache("twin"), f"g-{topic}", topic)
    assert until(lambda: joined(first), first.step)
    second = Watched(on_apache("twin"), f"g-{topic}", topic)
    assert until(lambda: joined(second), second.step)

    def told() -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            first.step()

    with pytest.raises(Replaced):
        told()
    first.reader.close()
    second.step()
    assert joined(second)
    second.reader.close()


def test_a_commit_under_a_taken_name_is_refused_as_replaced(on_apache: Connect, topic: str) -> None:
    client = on_apache("twin")
    produce(client, topic, 100)
    first, writer = Watched(client, f"g-{topic}", topic), client.writer(f"tx-{topic}")
    assert until(lambda: joined(first), first.step)
    second = Watched(on_apache("twin"), f"g-{topic}", topic)
    assert until(lambda: joined(second), second.step)
    writer.send(Outgoing(f"{topic}.out", [b"late"]))
    with pytest.raises(Replaced):
        writer.commit(first.reader, {(topic, 0): 1})
    for closing in (first.reader, second.reader, writer):
        closing.close()
