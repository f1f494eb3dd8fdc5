"""Two processes of one name: the newer one works, the older one ends and stays away."""

import pytest

from tests.faults.broker.trial import Start


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["consumer", pytest.param("monitor", marks=pytest.mark.slow)])
def test_the_newer_of_two_namesakes_wins_and_the_older_ends(stream_on: Start, kind: str) -> None:
    name = f"{kind}-0"
    with stream_on() as stream:
        stream.begin("consumer-0", "monitor-0")
        stream.fleet.leave_alone(name)
        stream.fleet.start(f"{kind}-9", stream.cluster.bootstrap, instance=name)
        stream.injected += 1
        took = stream.wait("the older one to end", lambda: stream.fleet.ended(name) is not None)
        stream.recoveries.append(took)
        assert stream.fleet.ended(name) == 1
        log = stream.fleet.log(name)
        last = log[-1]["raw"]
        assert last.startswith("driftline: another process has")
        assert not any("Traceback" in line.get("raw", "") for line in log)
        stream.wait("the newer one to be ready", lambda: stream.fleet.ready(name) is None)
        stream.flows()
        assert stream.fleet.restarts(f"{kind}-9") == 0, stream.fleet.last_words()
        stream.clean(f"namesake-{kind}")
