"""The window of a job that a person or an alert asks for."""

from hypothesis import given
from hypothesis import strategies as st

from driftline.asking import newest_window
from driftline.records import Position
from tests.streams import numeric_stream

SPEC = numeric_stream()
ends = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)), min_size=1, max_size=8)


def at(found: list[tuple[int, int]]) -> dict[tuple[str, int], int]:
    return {
        (topic, p): end
        for p, pair in enumerate(found)
        for topic, end in zip((SPEC.topics.features, SPEC.topics.labels), pair, strict=True)
    }


@given(ends, st.integers(1, 10_000))
def test_holds_as_many_labels_as_there_are_up_to_what_was_asked_for(found: list[tuple[int, int]], labels: int) -> None:
    window = newest_window(SPEC, at(found), labels)
    held = sum(end - start for start, end in window.labels.values())
    assert held == min(labels, sum(truth for _, truth in found))
    for p, (features, truth) in enumerate(found):
        (first, end), (early, newest) = window.features[p], window.labels[p]
        assert (end, newest) == (features, truth)
        assert 0 <= first <= end and 0 <= early <= newest
        # Nothing without a bound, and at least as far back as the labels reach.
        assert end - first <= 10 * (newest - early)
        assert end - first >= min(newest - early, end)


@given(ends, st.integers(1, 10_000), st.integers(0, 6_000))
def test_nothing_before_a_moment_that_it_is_to_begin_at(found: list[tuple[int, int]], labels: int, moment: int) -> None:
    since = Position(features={0: moment}, labels={0: moment})
    window, without = newest_window(SPEC, at(found), labels, since), newest_window(SPEC, at(found), labels)
    for spans, all_spans, reach in zip(
        (window.features, window.labels), (without.features, without.labels), found[0], strict=True
    ):
        assert spans[0] == (min(max(moment, all_spans[0][0]), reach), reach)
        assert {p: spans[p] for p in spans if p} == {p: all_spans[p] for p in all_spans if p}


def test_a_small_partition_is_made_up_for_by_the_larger() -> None:
    window = newest_window(SPEC, at([(10, 10), (900, 900)]), 300)
    assert window.labels == {0: (0, 10), 1: (610, 900)}
