"""Trace context is read and written as OpenTelemetry's own propagator does it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from driftline.tracing.context import Context, read_context

TRACE, SPAN = st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1)


def theirs(traceparent: str) -> tuple[int, int] | None:
    context = get_current_span(TraceContextTextMapPropagator().extract({"traceparent": traceparent})).get_span_context()
    return (context.trace_id, context.span_id) if context.is_valid else None


def ours(traceparent: str) -> tuple[int, int] | None:
    context = read_context([("other", b"x"), ("traceparent", traceparent.encode())])
    return (context.trace, context.span) if context is not None else None


@given(TRACE, SPAN)
def test_what_is_written_is_read_by_both(trace: int, span: int) -> None:
    headers = Context(trace, span).headers()
    assert read_context(headers) == Context(trace, span)
    assert theirs(headers[0][1].decode()) == (trace, span)


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ],
)
def test_what_others_write(traceparent: str) -> None:
    assert ours(traceparent) == theirs(traceparent)


@given(st.text(alphabet="0123456789abcdf-", max_size=60))
def test_whatever_is_no_context_is_none(traceparent: str) -> None:
    assert ours(traceparent) == theirs(traceparent)


def test_the_state_of_other_systems_is_passed_on() -> None:
    brought = [("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"), ("tracestate", b"vendor=1")]
    context = read_context(brought)
    assert context is not None
    assert context.headers() == tuple(brought)


def test_a_record_without_headers_brings_none() -> None:
    assert read_context(None) is None
    assert read_context([("traceparent", None)]) is None  # a header without a value, which Kafka allows
