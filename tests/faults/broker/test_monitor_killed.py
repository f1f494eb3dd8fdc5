"""The monitor dies at random moments while labels flow."""

import random

import pytest

from tests.faults.broker.trial import Start

KILLS = 10


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_monitor_killed_ten_times_has_counted_every_label_once(stream_on: Start) -> None:
    moments = random.Random(11)
    with stream_on(rate=300) as stream:
        stream.begin("consumer-0", "monitor-0")
        for _ in range(KILLS):
            stream.last(moments.uniform(0.1, 4.0))
            stream.fleet.kill("monitor-0")
            stream.injected += 1
            stream.recoveries.append(
                stream.wait(
                    "it to commit again", lambda: stream.fleet.metric("monitor-0", "driftline_commits_total") > 0
                )
            )
        report = stream.clean("monitor-killed")
        assert report.sizes["heads"] >= KILLS, "each life commits at least one checkpoint"
        assert report.sizes["outcomes_counted"] == report.sizes["outcomes"] > 0
