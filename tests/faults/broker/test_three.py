"""Three brokers, three replicas, two of them needed: one dies, all restart in turn, two die."""

import pytest

from tests.faults.broker.roles import group_coordinator, leader_of, transaction_coordinator
from tests.faults.broker.trial import Start, Trial

ALL = ("consumer-0", "consumer-1", "monitor-0")


def _node(stream: Trial, role: str) -> int:
    bootstrap, name = stream.cluster.bootstrap, stream.stream
    if role == "leader":
        return leader_of(bootstrap, f"{name}.features", 0)
    if role == "group-coordinator":
        return group_coordinator(bootstrap, f"{name}.consumers")
    return transaction_coordinator(bootstrap, f"{name}.consumer-0")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", ["leader", "group-coordinator", "transaction-coordinator"])
def test_one_of_three_dies_and_the_others_go_on(stream_on: Start, role: str) -> None:
    with stream_on(nodes=3) as stream:
        stream.begin(*ALL)
        node = _node(stream, role)
        stream.cluster.kill(node)
        stream.injected += 1
        stream.healed()  # without it: two replicas are enough
        stream.flows()
        stream.cluster.start(node)
        stream.flows()
        stream.clean(f"three-kill-{role}", restarts=sum(map(stream.fleet.restarts, ALL)))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_rolling_restart_costs_nothing_but_time(stream_on: Start) -> None:
    with stream_on(nodes=3) as stream:
        stream.begin(*ALL)
        for node in range(3):
            stream.cluster.restart(node)
            stream.injected += 1
            stream.healed()
        stream.flows()
        stream.clean("three-rolling-restart", restarts=sum(map(stream.fleet.restarts, ALL)))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_without_a_majority_everything_waits_and_goes_on_when_one_is_back(stream_on: Start) -> None:
    with stream_on(nodes=3) as stream:
        stream.begin(*ALL)
        stream.cluster.kill(1)
        stream.cluster.kill(2)
        stream.injected += 2
        stream.last(20)
        stream.cluster.start(1, wait=False)
        # The controllers vote, the partitions find leaders, two replicas are in step: all of it counts as recovery.
        stream.recoveries.append(stream.wait("answers to move", _moved(stream)))
        stream.catch_up()
        stream.cluster.start(2)
        stream.flows()
        stream.clean("three-two-down", restarts=sum(map(stream.fleet.restarts, ALL)))


def _moved(stream: Trial):
    before = dict(stream.answered.up_to)
    return lambda: all(stream.answered.up_to[partition] > offset for partition, offset in before.items())
