"""A flood of poison: nothing but bad records, and the consumer keeps its pace, its memory and its composure."""

import json
import time
from pathlib import Path

import pytest

from driftline.kafka.interface import Outgoing
from driftline.records import Reason
from driftline.spec import load_spec
from driftline.tables import read_table, wire_rows
from driftline.watch.scrape import Look, look
from tests.e2e.broken import WAYS
from tests.e2e.conftest import DATA
from tests.e2e.stack import Stack, running

FLOOD = 15_000
# Broken records as they come: of the length of good ones. The largest and the emptiest are sent in test_bad_input.
SIMILAR = range(60, 2_000)


class Costs:
    """What the consumer has spent so far, as it says itself."""

    def __init__(self, stack: Stack) -> None:
        seen = consumer(stack)
        self.written = seen.total("driftline_records_written_total")
        # Not by the clock on the wall, which on a busy machine measures its other work.
        self.seconds = seen.value("process_cpu_seconds_total") or 0.0
        self.memory = seen.value("process_resident_memory_bytes") or 0.0
        self.log_lines = len(stack.supervisor.children["consumer-0"].log.read_bytes().splitlines())
        self.reasons = {dict(key)["reason"] for key in seen.samples.get("driftline_dead_letters_total", {})}

    def rate_since(self, before: "Costs") -> float:
        """Records a second of CPU time: polling, decoding, scoring, encoding and committing."""
        return (self.written - before.written) / (self.seconds - before.seconds)


def consumer(stack: Stack) -> Look:
    """The consumer's health and metrics now."""
    return look("consumer-0", stack.workspace.service_notes()["consumer-0"]["url"])


def put_through(stack: Stack, values: list[bytes | None]) -> Costs:
    """Send `values` and wait until each has its answer, by the consumer's own count and by the topics."""
    expected = len(stack.ledger.sent) + len(values)
    writer = stack.client.writer()
    keys: list[bytes | None] = [b"d-%d" % (i % 8) for i in range(len(values))]
    writer.send(Outgoing(stack.workspace.spec.topics.features, values, keys))
    writer.commit(None, {})
    writer.close()
    stack.wait("the answers", lambda: len(stack.ledger.sent) == expected and stack.ledger.settled)
    stack.wait("the metrics", lambda: Costs(stack).written >= expected, lambda: time.sleep(0.05))
    return Costs(stack)


def in_parts(stack: Stack, values: list[bytes | None], before: Costs) -> tuple[Costs, float]:
    """What was spent after `values`, and the best rate of three parts: a moment in which a busy machine lets the
    consumer idle between its polls is no collapse, and a collapse is there in every part."""
    rates, third = [], len(values) // 3
    for start in range(0, len(values), third):
        after = put_through(stack, values[start : start + third])
        rates.append(after.rate_since(before))
        before = after
    return before, max(rates)


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="a process counts its CPU time and memory on Linux only"
)
def test_nothing_but_bad_records(stream: str, tmp_path: Path, bootstrap: str) -> None:
    with running(tmp_path, stream, bootstrap, ["consumer"]) as stack:
        stack.await_ready()
        rows = wire_rows(load_spec(stack.workspace.path, {}), read_table(DATA))
        now = int(time.time() * 1000)
        records = [
            {"record_id": f"r-{i}", "device_id": f"d-{i % 8}", "event_time": now, "features": list(rows[i % len(rows)])}
            for i in range(FLOOD)
        ]
        good: list[bytes | None] = [json.dumps(record).encode() for record in records]
        ways = [breaking for _, breaking in WAYS if len(breaking(records[0]) or b"") in SIMILAR]
        bad = [ways[i % len(ways)](record) for i, record in enumerate(records)]
        warm = put_through(stack, good[:2_000])
        after_good, well = in_parts(stack, good, warm)
        after_bad, badly = in_parts(stack, bad, after_good)
        ledger = stack.ledger
    assert (sum(ledger.answered.values()), sum(ledger.buried.values())) == (FLOOD + 2_000, FLOOD)
    assert (ledger.lost, ledger.duplicates) == (0, 0)
    print(
        f"records a CPU second: good {well:.0f}, bad {badly:.0f}; bytes {after_good.memory:.0f}, {after_bad.memory:.0f}"
    )
    # Half as many by the clock, and a third by CPU time, of every kind in equal shares. This guards against a collapse.
    assert badly > well / 4
    assert after_bad.memory - after_good.memory < 64 * 2**20
    assert after_bad.log_lines - after_good.log_lines <= 5
    assert after_bad.reasons <= {reason.value for reason in Reason}
