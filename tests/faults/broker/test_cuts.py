"""The network goes away and comes back: for everybody, and for one consumer of two."""

import pytest

from tests.faults.broker.trial import SESSION, TRANSACTION, Start

ALL = ("consumer-0", "consumer-1", "monitor-0")
# A hiccup; longer than the session time-out and shorter than that of transactions; longer than both.
SHORT, MIDDLE, LONG = 2.0, 12.0, 25.0


def test_the_cuts_lie_where_they_say() -> None:
    assert SHORT < SESSION < MIDDLE < TRANSACTION < LONG


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seconds", [SHORT, MIDDLE, LONG])
@pytest.mark.parametrize("how", ["black-hole", "refused"])
def test_a_cut_costs_nothing_but_time(stream_on: Start, how: str, seconds: float) -> None:
    with stream_on(ways=1) as stream:
        stream.begin(*ALL, ways=dict.fromkeys(ALL, 0))
        (line,) = stream.cluster.ways[0]
        (line.hold if how == "black-hole" else line.refuse)()
        stream.injected += 1
        stream.last(seconds)
        line.open()
        stream.healed()
        stream.flows()
        stream.clean(f"cut-{how}-{seconds:.0f}s", restarts=sum(map(stream.fleet.restarts, ALL)))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["black-hole", pytest.param("refused", marks=pytest.mark.slow)])
def test_one_cut_off_is_stood_in_for_and_answers_nothing_twice(stream_on: Start, how: str) -> None:
    with stream_on(ways=1) as stream:
        stream.begin(*ALL, ways={"consumer-0": 0})
        (line,) = stream.cluster.ways[0]
        (line.hold if how == "black-hole" else line.refuse)()
        stream.injected += 1
        stream.recoveries.append(stream.catch_up())
        taken_over = stream.recoveries[-1]
        # Its partitions move when its session has ended; what it left open holds them until the transaction has.
        assert taken_over < SESSION + TRANSACTION + 10 + 10
        stream.last(max(TRANSACTION + 3 - taken_over, 0))
        line.open()
        back = stream.fleet.metric("consumer-0", "driftline_commits_total")
        stream.wait("the one that was cut off to work again", lambda: not stream.unready("consumer-0"))
        stream.wait(
            "it to commit",
            lambda: (
                stream.fleet.metric("consumer-0", "driftline_commits_total")
                > (0 if stream.fleet.restarts("consumer-0") else back)
            ),
        )
        stream.clean(f"one-cut-off-{how}", restarts=stream.fleet.restarts("consumer-0"))
