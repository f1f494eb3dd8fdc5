from hypothesis import given
from hypothesis import strategies as st

from driftline.kafka.interface import Batch
from monitoring.console.pulse import RATE_SECONDS, Pulse


def batch(partition: int, first: int, n: int, at: int = 0) -> Batch:
    return Batch("t", partition, list(range(first, first + n)), [at] * n, [None] * n, [b""] * n)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 50), st.integers(0, 50)), min_size=1, max_size=20))
def test_what_waits_is_what_came_and_was_not_answered(steps: list[tuple[int, int, int]]) -> None:
    pulse, come, answered = Pulse(), dict.fromkeys(range(4), 0), dict.fromkeys(range(4), 0)
    for partition, n, wish in steps:
        pulse.came("records", batch(partition, come[partition], n))
        come[partition] += n
        if done := min(wish, come[partition] - answered[partition]):
            answered[partition] += done
            pulse.answered(partition, answered[partition] - 1)
    begun = [p for p, done in answered.items() if done]
    assert pulse.behind == (sum(come[p] - answered[p] for p in begun) if begun else None)


def test_an_answer_that_is_read_before_its_record_leaves_nothing_waiting() -> None:
    pulse = Pulse()
    pulse.came("records", batch(0, 0, 5))
    pulse.answered(0, 7)
    assert pulse.behind == 0


def test_rates_are_of_the_last_seconds_and_fall_when_nothing_comes() -> None:
    pulse = Pulse()
    for second in range(10):
        pulse.came("records", batch(0, second * 10, 10, at=second))
        pulse.tick(second * 1_000)
    assert pulse.rates() == {"records": 10.0, "answers": 0.0, "labels": 0.0}
    assert pulse.newest == {"records": 9, "answers": None, "labels": None, "letters": None}
    for second in range(10, 12 + RATE_SECONDS):
        pulse.tick(second * 1_000)
    assert pulse.rates()["records"] == 0.0
