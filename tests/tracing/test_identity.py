"""Everybody names the same records, under the same ids, whatever else is in their batch."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.tracing.identity import Identity, hashed
from tests.tracing.needing import opentelemetry

IDS = st.lists(st.text(min_size=1, max_size=40), max_size=30)
MANY = [f"pumps-{number}" for number in range(100_000)]


@given(IDS, st.floats(0, 1))
def test_a_record_is_followed_alone_as_in_any_batch(ids: list[str], share: float) -> None:
    identity = Identity("pumps", share)
    together = identity.followed(ids)
    alone = {row: identity.followed([one])[0] for row, one in enumerate(ids) if identity.followed([one])}
    assert together == alone
    assert all(trace == identity.trace(ids[row]) for row, trace in together.items())


@given(IDS)
def test_the_hash_of_a_text_is_of_that_text(ids: list[str]) -> None:
    """Against the same sum in Python's own whole numbers."""
    odd = 0x9E3779B97F4A7C15
    expected = [sum(ord(c) * odd ** (at + 1) for at, c in enumerate(one)) % 2**64 for one in ids]
    assert not ids or hashed(ids).tolist() == expected


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3])
def test_about_the_share_is_followed(share: float) -> None:
    count, expected = len(Identity("pumps", share).followed(MANY)), share * len(MANY)
    assert abs(count - expected) < 5 * np.sqrt(expected * (1 - share))


def test_all_and_none() -> None:
    assert len(Identity("pumps", 1.0).followed(MANY)) == len(MANY)
    assert Identity("pumps", 0.0).followed(MANY) == {}


def test_a_larger_share_follows_the_same_records_and_more() -> None:
    few, more = (set(Identity("pumps", share).followed(MANY)) for share in (0.01, 0.02))
    assert few < more


def test_ids_are_spread_and_no_two_records_share_a_trace() -> None:
    traces = list(Identity("pumps", 1.0).followed(MANY).values())
    assert len(set(traces)) == len(MANY)
    for shift in (0, 60, 64, 124):
        sixteenths = Counter(trace >> shift & 15 for trace in traces)
        assert max(sixteenths.values()) < 1.1 * len(MANY) / 16


def test_another_stream_follows_others_under_other_ids() -> None:
    ours, theirs = Identity("pumps", 0.1).followed(MANY), Identity("fans", 0.1).followed(MANY)
    assert not set(ours.values()) & set(theirs.values())
    assert len(ours.keys() & theirs.keys()) < 0.2 * len(ours)


def test_spans_of_a_trace_differ() -> None:
    identity = Identity("pumps", 1.0)
    trace = identity.trace("r1")
    assert len({identity.span(trace, what) for what in ("send r1", "predict r1", "drift")}) == 3


def test_the_decision_is_that_of_opentelemetrys_sampler() -> None:
    opentelemetry()
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    share = 0.05
    sampler, followed = TraceIdRatioBased(share), Identity("pumps", share).followed(MANY)
    everybody = Identity("pumps", 1.0).followed(MANY)
    taken = {row for row, trace in everybody.items() if sampler.should_sample(None, trace, "").decision.is_sampled()}
    assert taken == set(followed)
