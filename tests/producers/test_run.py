"""The shell: everything sent, confirmed and reported; on time, whatever stalls it."""

from collections import defaultdict
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.spec import NumericFeature, StreamSpec
from producers.delay import LabelDelay
from producers.fleet.plan import parse_fleet
from producers.keys import partition_for
from producers.pacing import BURST_SECONDS, CATCH_UP
from producers.replay import ReplayPlan
from producers.run import Progress, Report, run_fleet, run_replay
from tests.producers.hand import HandClock, KeptWriter

SPEC = StreamSpec(stream="s", task="binary", classes=("0", "1"), features=(NumericFeature(name="x"),))
ROWS = 300


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("replay") / "s.csv"
    file.write_text("x,label\n" + "".join(f"{i / 7!r},{i % 2}\n" for i in range(ROWS)))
    return file


def run(path: Path, plan: ReplayPlan, clock: HandClock, writer: KeptWriter) -> Report:
    return run_replay(SPEC, path, plan, writer, clock, lambda progress: None, lambda: False)


class TestEverythingIsSentOnce:
    @given(
        rate=st.one_of(st.none(), st.floats(1, 5_000)),
        amount=st.integers(0, 50),
        unit=st.sampled_from(["records", "seconds"]),
        missing=st.sampled_from([0.0, 0.4]),
        oversleep=st.lists(st.floats(0, 3), max_size=20),
    )
    def test_and_reported(
        self, path: Path, rate: float | None, amount: int, unit: str, missing: float, oversleep: list[float]
    ) -> None:
        clock = HandClock(oversleep=iter(oversleep))
        writer = KeptWriter(clock)
        delay = LabelDelay(amount, unit)  # type: ignore[arg-type]
        plan = ReplayPlan(rate=rate, label_delay=delay, jitter=0.5, missing_labels=missing)
        report = run(path, plan, clock, writer)
        assert writer.committed == len(writer.sent)
        by_device: dict[str, list[int]] = defaultdict(list)
        feature_at, label_at = {}, {}
        for place, (_, out) in enumerate(writer.sent):
            for key, value in zip(out.keys or (), out.values, strict=True):
                record = msgspec.json.decode(value or b"")
                assert key == record["device_id"].encode()
                assert out.partition == partition_for(key, SPEC.kafka.partitions)
                row = int(record["record_id"].removeprefix("s-"))
                if out.topic == "s.features":
                    assert record["features"] == [row / 7]
                    assert row not in feature_at
                    feature_at[row] = place
                    by_device[record["device_id"]].append(row)
                else:
                    assert out.topic == "s.labels"
                    assert record["label"] == str(row % 2)
                    assert row not in label_at
                    label_at[row] = place
        assert sorted(feature_at) == list(range(ROWS))
        assert all(rows == sorted(rows) for rows in by_device.values())
        assert all(feature_at[row] < place for row, place in label_at.items())
        assert report["records"] == ROWS
        assert report["labels"] == len(label_at) == ROWS - report["labels_withheld"]
        assert report["labels_unsent"] == 0

    def test_the_same_seed_and_times_give_the_same_bytes(self, path: Path) -> None:
        sent = []
        for _ in range(2):
            clock = HandClock()
            writer = KeptWriter(clock)
            run(path, ReplayPlan(rate=200, jitter=1, missing_labels=0.3, seed=5), clock, writer)
            sent.append(writer.sent)
        assert sent[0] == sent[1]

    def test_event_time_is_the_time_of_sending(self, path: Path) -> None:
        clock = HandClock(1_700_000_000.25)
        writer = KeptWriter(clock)
        run(path, ReplayPlan(rate=100, stop_row=3), clock, writer)
        times = [msgspec.json.decode(value)["event_time"] for value in writer.values("s.features")]
        assert times == [1_700_000_000_250, 1_700_000_000_260, 1_700_000_000_270]


class TestTheRateIsKept:
    @given(
        rate=st.floats(5, 5_000),
        oversleep=st.lists(st.floats(0, 2), max_size=12),
        stalls=st.lists(st.floats(0, 2), max_size=12),
    )
    def test_over_stalls_of_the_machine_and_of_kafka(
        self, path: Path, rate: float, oversleep: list[float], stalls: list[float]
    ) -> None:
        clock = HandClock(oversleep=iter(oversleep))
        pending = iter(stalls)
        writer = KeptWriter(clock, on_send=lambda: clock.pass_time(next(pending, 0.0)))
        start = clock.now()
        report = run(path, ReplayPlan(rate=rate, label_delay=LabelDelay(0, "records")), clock, writer)
        stamps = [msgspec.json.decode(value)["event_time"] / 1000 for value in writer.values("s.features")]
        stamps.sort()
        burst = max(1.0, rate * BURST_SECONDS)
        for i, stamp in enumerate(stamps):
            assert i <= rate * (stamp + 0.001 - start) + 1
        for i in range(0, ROWS, 13):
            for j in range(i, ROWS, 29):
                assert j - i + 1 <= CATCH_UP * rate * (stamps[j] - stamps[i] + 0.002) + burst + 1e-3
        # Never later than the stalls themselves make it.
        assert report["seconds"] <= ROWS / rate + sum(oversleep) + sum(stalls) + 0.01

    def test_a_stall_early_on_does_not_make_the_end_late(self, path: Path) -> None:
        clock = HandClock(oversleep=iter([0.0] * 20 + [0.5] + [0.0] * 10_000))
        report = run(path, ReplayPlan(rate=100, label_delay=LabelDelay(0, "records")), clock, KeptWriter(clock))
        assert report["seconds"] == pytest.approx((ROWS - 1) / 100, abs=0.02)
        assert report["rate"] == pytest.approx(100, rel=0.01)


class TestStopping:
    def test_ends_promptly_and_says_what_was_on_its_way(self, path: Path) -> None:
        clock = HandClock()
        writer = KeptWriter(clock)
        begun = clock.now()
        plan = ReplayPlan(rate=10, label_delay=LabelDelay(2, "seconds"), loop=True)
        report = run_replay(SPEC, path, plan, writer, clock, lambda p: None, lambda: clock.now() - begun > 4.95)
        assert report["seconds"] < 5.1
        assert report["records"] == 50
        assert report["records"] == report["labels"] + report["labels_unsent"]
        assert report["labels_unsent"] == 20
        assert writer.committed == len(writer.sent)

    def test_progress_is_told_along_the_way(self, path: Path) -> None:
        clock = HandClock()
        seen: list[Progress] = []
        run_replay(SPEC, path, ReplayPlan(rate=100, stop_row=200), KeptWriter(clock), clock, seen.append, lambda: False)
        assert [progress.records for progress in seen] == sorted(progress.records for progress in seen)
        assert len(seen) >= 5
        assert (seen[-1].records, seen[-1].labels, seen[-1].total) == (200, 200, 200)


class TestAFleetIsProducedAlike:
    def test_end_to_end(self) -> None:
        clock = HandClock()
        writer = KeptWriter(clock)
        plan = parse_fleet("{records: 1500, rate: max, devices: 5, missing_labels: 0.5, label_delay: 20}")
        report = run_fleet(SPEC, plan, writer, clock, lambda p: None, lambda: False)
        ids = {msgspec.json.decode(value)["record_id"] for value in writer.values("s.features")}
        assert ids == {f"s-fleet1-{i}" for i in range(1500)}
        assert report["records"] == 1500 == report["labels"] + report["labels_withheld"]
        assert len(writer.values("s.labels")) == report["labels"] == pytest.approx(750, abs=100)
