"""A broker that answers, but late or little."""

import pytest

from tests.faults.broker.trial import Start

ALL = ("consumer-0", "monitor-0")
LASTS = 30.0
# What a service may grow by while it is behind. It holds one fetch and one batch; what waits, waits in Kafka.
MAY_GROW = 64 * 2**20


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("fault", "delay", "rate"), [("500-ms", 0.5, 0), ("50-kB/s", 0.0, 50_000)])
def test_throughput_falls_and_memory_does_not_rise(stream_on: Start, fault: str, delay: float, rate: int) -> None:
    with stream_on(ways=1, rate=500) as stream:
        stream.begin(*ALL, ways=dict.fromkeys(ALL, 0))
        (line,) = stream.cluster.ways[0]
        memory = {name: stream.fleet.metric(name, "process_resident_memory_bytes") for name in ALL}
        before = sum(stream.answered.up_to.values())
        line.delay, line.rate = delay, rate
        stream.injected += 1
        stream.last(LASTS)
        answered = sum(stream.answered.up_to.values()) - before
        assert answered > 0, stream.fleet.last_words()
        grown = {n: stream.fleet.metric(n, "process_resident_memory_bytes") - memory[n] for n in ALL}
        aborted = {name: stream.fleet.metric(name, "driftline_aborts_total") for name in ALL}
        line.delay = line.rate = 0
        stream.healed()
        assert max(grown.values()) < MAY_GROW, grown
        assert max(aborted.values()) <= 3, aborted
        assert not any(map(stream.fleet.restarts, ALL))
        stream.clean(
            f"slow-{fault}",
            records_a_second=round(answered / LASTS),
            grown_mib={name: round(size / 2**20, 1) for name, size in grown.items()},
            aborted=aborted,
        )
