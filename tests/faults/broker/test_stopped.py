"""A service that sleeps for longer than its session and its transaction may last."""

import signal
import time

import pytest

from driftline.kafka.kafka_python.connecting import open_admin
from tests.faults.broker.trial import SESSION, TRANSACTION, Start, Trial

SLEEPS = 20.0


def test_it_sleeps_longer_than_both() -> None:
    assert SLEEPS > TRANSACTION > SESSION


def _stop_inside_a_transaction(stream: Trial, name: str) -> None:
    """SIGSTOP until it hits while the coordinator holds a transaction of this service open."""
    transactional_id = f"{stream.stream}.{name}"
    admin = open_admin(bootstrap_servers=stream.cluster.bootstrap.split(","))
    try:
        for _ in range(400):
            stream.fleet.signal(name, signal.SIGSTOP)
            found = admin.describe_transactions([transactional_id])[transactional_id]
            if found.state.value == "Ongoing":
                return
            stream.fleet.signal(name, signal.SIGCONT)
            time.sleep(0.01)  # another moment of its round
    finally:
        admin.close()
    raise AssertionError(f"{name} was never stopped inside a transaction")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("sleeper", "other"), [("consumer-0", "consumer-1"), ("monitor-0", "monitor-1")])
def test_one_that_sleeps_through_its_transaction_comes_back_without_harm(
    stream_on: Start, sleeper: str, other: str
) -> None:
    names = ("consumer-0", "consumer-1", "monitor-0", "monitor-1")
    with stream_on(rate=400) as stream:
        stream.begin(*names)
        if sleeper == "monitor-0":
            stream.wait(
                "a monitor to work",
                lambda: stream.fleet.ready("monitor-0") is None or stream.fleet.ready("monitor-1") is None,
            )
            if stream.fleet.ready("monitor-0") is not None:
                sleeper, other = other, sleeper
        if sleeper.startswith("consumer"):
            _stop_inside_a_transaction(stream, sleeper)
        else:  # its transactions are short and far between; what it must not do is count on with an old state
            stream.fleet.signal(sleeper, signal.SIGSTOP)
        stream.injected += 1
        began = time.monotonic()
        done = stream.fleet.metric(other, "driftline_commits_total")
        stream.last(SLEEPS)
        stream.fleet.signal(sleeper, signal.SIGCONT)
        stream.healed()
        assert stream.fleet.metric(other, "driftline_commits_total") > done
        if sleeper.startswith("consumer"):
            stream.wait("it to have partitions again", lambda: stream.fleet.ready(sleeper) is None)
        stream.flows()
        said = stream.fleet.said(sleeper, "round aborted")
        assert said or stream.fleet.restarts(sleeper), "nobody noticed"
        stream.clean(
            f"stopped-{sleeper.split('-')[0]}",
            asleep=round(time.monotonic() - began),
            aborted=len(said),
            restarts=stream.fleet.restarts(sleeper),
        )
