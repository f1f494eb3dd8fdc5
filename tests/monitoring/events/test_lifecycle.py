"""One change is one event: opened, updated when a person would want to know, closed."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.records import Blame, BlamedPart, DriftEvent, DriftKind, Position
from monitoring.events.lifecycle import Lifecycle
from monitoring.store.encoding import DamagedState

KIND = DriftKind.CONCEPT
EVERY = 100


def event(**changes: Any) -> DriftEvent:
    values: dict[str, Any] = {
        "event_id": "concept-1",
        "stream": "tests",
        "kind": KIND,
        "severity": "warning",
        "detector": "adwin",
        "model_version": 1,
        "detected_at": 5,
        "detected": Position(record_id="r9"),
        "onset": Position(record_id="r5"),
        "evidence": {"error_before": 0.1, "error_after": 0.3},
        "summary": "worse",
    }
    return DriftEvent(**{**values, **changes})


def part(name: str, part_of: str = "class") -> BlamedPart:
    return BlamedPart(name=name, part_of=part_of)


def opened(**changes: Any) -> Lifecycle:
    life = Lifecycle(EVERY)
    life.open(event(**changes), 0)
    return life


NEWS: dict[str, dict[str, Any]] = {
    "shape": {"shape": "abrupt"},
    "error": {"evidence": {"error_before": 0.1, "error_after": 0.36}},
    "feature": {"features": [Blame(feature="f1", score=1.0)]},
    "class": {"classes": [part("a")]},
    "segment": {"segments": [part("north", "site")]},
}
URGENT: dict[str, dict[str, Any]] = {"severity": {"severity": "alarm"}, "cause": {"cause": "sensor"}}


class TestWhatIsTold:
    @pytest.mark.parametrize("name", NEWS)
    def test_news_after_as_many_records_as_agreed(self, name: str) -> None:
        life = opened()
        assert life.revised(KIND, NEWS[name], EVERY - 1, 7) is None
        told = life.revised(KIND, NEWS[name], EVERY, 7)
        assert told is not None
        assert (told.state, told.revision, told.told_at, told.detected_at) == ("updated", 1, 7, 5)
        assert life.of(KIND) == told

    @pytest.mark.parametrize("name", URGENT)
    def test_a_graver_event_or_another_cause_at_once(self, name: str) -> None:
        told = opened().revised(KIND, URGENT[name], 1, 7)
        assert told is not None
        assert told.state == "updated"

    @pytest.mark.parametrize(
        "known",
        [
            {},
            {"summary": "in other words"},
            {"evidence": {"error_before": 0.1, "error_after": 0.33}},
            {"cause": "world", "devices": [part("d", "device")]},
        ],
    )
    def test_nothing_that_is_no_news(self, known: dict[str, Any]) -> None:
        assert opened().revised(KIND, known, 10 * EVERY, 7) is None

    def test_a_part_that_is_blamed_no_more_is_no_news(self) -> None:
        assert opened(classes=[part("a"), part("b")]).revised(KIND, {"classes": [part("b")]}, 9 * EVERY, 7) is None

    def test_ever_more_seldom(self) -> None:
        """The same flapping news all the time: a hundred thousand records are worth a dozen updates."""
        life, told = opened(), 0
        for seen in range(0, 100_000, 50):
            known = {"evidence": {"error_before": 0.1, "error_after": 0.3 if (seen // 50) % 2 else 0.5}}
            told += life.revised(KIND, known, seen, seen) is not None
        assert 5 <= told <= 11


class TestWhenItIsLookedAt:
    def test_soon_at_first_and_seldom_later(self) -> None:
        life = opened()
        looks = [seen for seen in range(20_000) if life.due(KIND, seen)]
        gaps = [b - a for a, b in pairwise(looks)]
        assert looks[0] < EVERY // 8
        assert all(b >= a for a, b in pairwise(gaps))
        assert EVERY in gaps
        assert gaps[-1] > EVERY
        assert len(looks) < 60

    def test_never_without_an_event(self) -> None:
        assert not Lifecycle(EVERY).due(KIND, 10**6)


class TestTheEnd:
    @pytest.mark.parametrize("because", ["recovered", "new-version"])
    def test_is_told_with_its_reason(self, because: Any) -> None:
        life = opened()
        closed = life.close(KIND, because)
        assert closed is not None
        assert (closed.state, closed.closed_because, closed.revision) == ("closed", because, 1)
        assert closed.summary.startswith("Over")
        assert life.kinds == []

    def test_comes_once(self) -> None:
        life = opened()
        life.close(KIND, "recovered")
        assert life.close(KIND, "recovered") is None


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["look", "close", "open"]), st.integers(0, 300), st.sampled_from([*NEWS, *URGENT])),
    max_size=40,
)


@given(ACTIONS)
def test_every_life_is_opened_once_updated_in_order_and_closed_at_most_once(
    actions: list[tuple[str, int, str]],
) -> None:
    life, seen, number = Lifecycle(EVERY), 0, 0
    records: list[DriftEvent] = []
    for action, passed, name in actions:
        seen += passed
        if action == "open" and life.of(KIND) is None:
            number += 1
            made = event(event_id=f"e{number}")
            life.open(made, seen)
            records.append(made)
        elif action == "close":
            closed = life.close(KIND, "recovered")
            records += [closed] if closed else []
        elif life.of(KIND) is not None:
            again = Lifecycle(EVERY)
            again.restore(life.snapshot())
            told = life.revised(KIND, {**NEWS, **URGENT}[name], seen, seen)
            assert again.revised(KIND, {**NEWS, **URGENT}[name], seen, seen) == told
            records += [told] if told else []
    for identity in {record.event_id for record in records}:
        own = [record for record in records if record.event_id == identity]
        assert [record.revision for record in own] == list(range(len(own)))
        assert own[0].state == "opened"
        assert all(record.state == "updated" for record in own[1:-1])
        assert all(record.detected == own[0].detected for record in own)


def test_a_damaged_event_is_said() -> None:
    state = opened().snapshot()
    state[0].event["severity"] = "loud"
    with pytest.raises(DamagedState, match="part watch"):
        Lifecycle(EVERY).restore(state)
