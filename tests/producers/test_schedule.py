"""Each record once and in order; each label once or never, and never before its record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import UsageError
from producers.delay import LabelDelay
from producers.rows import Rows
from producers.schedule import STEP_RECORDS, Delivery, Schedule, Step, parse_rate

deliveries = st.builds(
    Delivery,
    rate=st.one_of(st.none(), st.floats(0.5, 20_000)),
    label_delay=st.builds(
        LabelDelay, st.one_of(st.integers(0, 300), st.floats(0, 20)), st.sampled_from(["records", "seconds"])
    ),
    jitter=st.floats(0, 1),
    missing_labels=st.sampled_from([0.0, 0.0, 0.3, 1.0]),
    seed=st.integers(0, 99),
)
sizes = st.lists(st.integers(0, 400), max_size=6)


def source(sizes: list[int], unknown: int = 0) -> list[Rows]:
    """Blocks of these sizes; with `unknown`, every so manyth row has no label."""
    out, row = [], 0
    for size in sizes:
        rows = range(row, row + size)
        labels = [None if unknown and i % unknown == 0 else f"y{i}" for i in rows]
        out.append(Rows([f"r{i}" for i in rows], [f"d{i % 3}" for i in rows], [(float(i),) for i in rows], labels))
        row += size
    return out


def drain(schedule: Schedule, late: list[float], start: float = 50.0) -> list[tuple[float, Step]]:
    """Advance when due, each call late by the next of `late`, until nothing more comes."""
    now, steps, delays = start, [], iter(late)
    while not steps or not steps[-1][1].done:
        steps.append((now, schedule.advance(now)))
        now = schedule.next_due(now) + next(delays, 0.0)
        assert len(steps) < 20_000
    return steps


class TestExactlyOnce:
    @given(delivery=deliveries, sizes=sizes, late=st.lists(st.floats(0, 5), max_size=20), unknown=st.integers(0, 4))
    def test_records_labels_and_their_order(
        self, delivery: Delivery, sizes: list[int], late: list[float], unknown: int
    ) -> None:
        steps = drain(Schedule(iter(source(sizes, unknown)), delivery), late)
        total = sum(sizes)
        out = [record for _, step in steps for record in step.features.record_ids]
        assert out == [f"r{i}" for i in range(total)]
        first_step = {record: i for i, (_, step) in enumerate(steps) for record in step.features.record_ids}
        labelled = [(i, label) for i, (_, step) in enumerate(steps) for label in step.labels]
        assert len({label.record_id for _, label in labelled}) == len(labelled)
        for i, label in labelled:
            assert i >= first_step[label.record_id]
            assert label.label == "y" + label.record_id[1:]
            assert label.device_id == f"d{int(label.record_id[1:]) % 3}"
        assert len(labelled) + sum(step.withheld for _, step in steps) == total
        assert all(len(step.features) <= STEP_RECORDS for _, step in steps)

    @given(delivery=deliveries, sizes=sizes, cuts=sizes, late=st.lists(st.floats(0, 5), max_size=20))
    def test_which_labels_come_depends_on_the_seed_alone(
        self, delivery: Delivery, sizes: list[int], cuts: list[int], late: list[float]
    ) -> None:
        def labelled(blocks: list[int], late: list[float]) -> set[str]:
            steps = drain(Schedule(iter(source(blocks)), delivery), late)
            return {label.record_id for _, step in steps for label in step.labels}

        total = sum(sizes)
        other = [cut for i, cut in enumerate(cuts) if sum(cuts[: i + 1]) <= total]
        assert labelled(sizes, []) == labelled([*other, total - sum(other)], late)


class TestTheDelayIsKept:
    @given(delay=st.integers(0, 200), jitter=st.floats(0, 1), seed=st.integers(0, 9))
    def test_in_records(self, delay: int, jitter: float, seed: int) -> None:
        delivery = Delivery(rate=None, label_delay=LabelDelay(delay, "records"), jitter=jitter, seed=seed)
        sent, seen = 0, 0
        for _, step in drain(Schedule(iter(source([300, 300])), delivery), []):
            sent += len(step.features)
            for label in step.labels:
                age = sent - 1 - int(label.record_id[1:])
                seen += 1
                if sent < 600:
                    # A label can leave only between two steps, and a step is at most max(16, delay) records.
                    most = STEP_RECORDS if delay == 0 else max(16, delay)
                    assert delay * (1 - jitter) - 1 <= age <= delay * (1 + jitter) + most
        assert seen == 600

    @given(delay=st.floats(0, 30), jitter=st.floats(0, 1), rate=st.floats(1, 500))
    def test_in_seconds(self, delay: float, jitter: float, rate: float) -> None:
        delivery = Delivery(rate=rate, label_delay=LabelDelay(delay, "seconds"), jitter=jitter)
        sent: dict[str, float] = {}
        for now, step in drain(Schedule(iter(source([200])), delivery), []):
            sent |= dict.fromkeys(step.features.record_ids, now)
            for label in step.labels:
                age = now - sent[label.record_id]
                assert delay * (1 - jitter) - 1e-6 <= age <= delay * (1 + jitter) + 1e-6

    def test_the_chosen_share_never_arrives(self) -> None:
        steps = drain(Schedule(iter(source([5_000])), Delivery(rate=None, missing_labels=0.2)), [])
        assert sum(step.withheld for _, step in steps) == pytest.approx(1_000, abs=120)


class TestTheRateIsKept:
    @given(rate=st.floats(1, 5_000), sizes=st.lists(st.integers(1, 400), min_size=1, max_size=4))
    def test_without_stalls_each_record_is_on_time(self, rate: float, sizes: list[int]) -> None:
        delivery = Delivery(rate=rate, label_delay=LabelDelay(0, "records"))
        sent = 0
        for now, step in drain(Schedule(iter(source(sizes)), delivery), [], start=0.0):
            for _ in step.features.record_ids:
                assert now == pytest.approx(sent / rate, abs=1e-4)
                sent += 1


class TestBadPlansAreRefused:
    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"rate": 0.0}, "rate: read 0.0"),
            ({"rate": float("nan")}, "rate: read nan"),
            ({"jitter": 1.5}, "jitter: read 1.5; allowed: a share"),
            ({"missing_labels": -0.1}, "missing_labels: read -0.1"),
            ({"seed": -1}, "seed: read -1"),
        ],
    )
    def test_range(self, fields: dict[str, float], says: str) -> None:
        with pytest.raises(UsageError, match=says):
            Delivery(**fields)  # type: ignore[arg-type]

    @pytest.mark.parametrize("text", ["", "soon", "5 parsecs", "-3", "1e3 records"])
    def test_delay(self, text: str) -> None:
        with pytest.raises(UsageError, match="label delay: read"):
            LabelDelay.parse(text)

    @pytest.mark.parametrize(
        ("text", "delay"),
        [
            ("200", (200, "records")),
            ("200 records", (200, "records")),
            ("5s", (5, "seconds")),
            ("2 min", (120, "seconds")),
        ],
    )
    def test_delay_read(self, text: str, delay: tuple[float, str]) -> None:
        assert LabelDelay.parse(text) == LabelDelay(*delay)  # type: ignore[arg-type]

    def test_rate(self) -> None:
        assert (parse_rate("max"), parse_rate("12.5")) == (None, 12.5)
        with pytest.raises(UsageError, match="rate: read 'fast'"):
            parse_rate("fast")
