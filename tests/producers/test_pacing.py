"""The rate is kept: over any pattern of stalls, and never by a burst."""

from hypothesis import given
from hypothesis import strategies as st

from producers.pacing import BURST_SECONDS, CATCH_UP, Pacer

# A time of today: floats are coarse here, and a pacer that asks for a finer moment waits for ever.
START = 1_760_000_000.0
# At the highest rate, what a microsecond of the clock's resolution makes in records.
SLACK = 0.3
rates = st.floats(0.05, 50_000)
stalls = st.lists(st.floats(0, 30), max_size=30)


def drive(pacer: Pacer, stalls: list[float], steps: int, most: int = 512) -> list[tuple[float, int]]:
    """Call when due, but late by each of `stalls` in turn; (time, count) of every release."""
    now, out = START, []
    late = iter(stalls)
    for _ in range(steps):
        out.append((now, pacer.release(now, most)))
        now = max(now, pacer.next_due(now)) + next(late, 0.0)
    return out


class TestNeverAheadOfTheRate:
    @given(rate=rates, stalls=stalls)
    def test_by_any_time(self, rate: float, stalls: list[float]) -> None:
        total = 0
        for time, count in drive(Pacer(rate), stalls, 60):
            total += count
            assert total <= rate * (time - START) + 1 + SLACK

    @given(rate=rates, times=st.lists(st.floats(0, 5), min_size=1, max_size=40))
    def test_however_often_it_is_asked(self, rate: float, times: list[float]) -> None:
        pacer, now, total = Pacer(rate), 0.0, 0
        for gap in times:
            total += pacer.release(now, 512)
            assert total <= rate * now + 1 + SLACK
            now += gap


class TestAStallIsMadeGood:
    @given(rate=rates, stalls=stalls)
    def test_in_time_and_without_a_burst(self, rate: float, stalls: list[float]) -> None:
        released = drive(Pacer(rate), stalls, 60 + len(stalls))
        burst = max(1.0, rate * BURST_SECONDS)
        for i, (since, _) in enumerate(released):
            count = 0
            for time, more in released[i:]:
                count += more
                assert count <= CATCH_UP * rate * (time - since) + burst + SLACK

    @given(rate=st.floats(0.5, 500), stall=st.floats(0, 5))
    def test_it_is_back_on_schedule_after_as_long_again(self, rate: float, stall: float) -> None:
        pacer, now, total = Pacer(rate), 0.0, 0
        total += pacer.release(now, 512)
        resume = now = stall
        end = resume + stall / (CATCH_UP - 1) + 3 / rate + BURST_SECONDS
        while now < end:
            total += pacer.release(now, 512)
            now = max(now + 1e-9, pacer.next_due(now))
        assert total >= rate * end - 2

    @given(rate=rates)
    def test_nothing_is_released_before_next_due_and_something_then(self, rate: float) -> None:
        pacer, now = Pacer(rate), START
        pacer.release(now, 512)
        for _ in range(20):
            due = pacer.next_due(now)
            if due > now:
                assert pacer.release((now + due) / 2, 512) == 0 or due - now < 1e-5
            now = pacer.next_due(now)
            assert pacer.release(now, 512) >= 1


class TestWithoutARate:
    def test_all_goes_out(self) -> None:
        pacer = Pacer(None)
        assert pacer.release(0.0, 512) == 512
        assert pacer.next_due(3.0) == 3.0
