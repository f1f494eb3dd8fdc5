"""One broker goes away and comes back."""

import pytest

from tests.faults.broker.trial import Start


@pytest.mark.timeout(240)
@pytest.mark.parametrize("how", ["in-order", "killed"])
def test_a_broker_that_restarts_costs_nothing_but_time(stream_on: Start, how: str) -> None:
    with stream_on() as stream:
        stream.begin("consumer-0", "consumer-1", "monitor-0")
        before = stream.fleet.metric("consumer-0", "driftline_commits_total")
        if how == "killed":
            stream.cluster.kill()
        else:
            stream.cluster.stop()
        stream.injected += 1
        stream.last(3)
        stream.cluster.start()
        stream.healed()
        stream.flows()
        assert stream.fleet.metric("consumer-0", "driftline_commits_total") > before
        for name in ("consumer-0", "consumer-1", "monitor-0"):
            assert stream.fleet.restarts(name) == 0
        said = sum(len(stream.fleet.said(name, "round aborted")) for name in stream.fleet.names)
        counted = sum(stream.fleet.metric(name, "driftline_aborts_total") for name in stream.fleet.names)
        assert said == counted
        stream.clean(f"restart-{how}", aborted=said)
