"""Handing spans to OpenTelemetry's SDK (the extra `otel`), which writes or sends them from a thread of its own."""

import logging
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog

from driftline.errors import DriftlineError, UsageError
from driftline.spec.observability import TracesSpec
from driftline.tracing.context import Context
from driftline.tracing.spans import Span

log = structlog.get_logger()

# Seconds until a span leaves at the latest, and how many may wait: beyond, the SDK drops them.
EVERY = 1.0
QUEUE = 4_096


class Exporter:
    """`driftline.tracing.spans.Spans` on the SDK's batch processor.

    Parameters
    ----------
    folder : the stream's, which `traces.folder` is relative to.
    instance : name of the process.
    service : what it is: 'consumer', 'monitor', …

    Raises
    ------
    UsageError : OpenTelemetry is not installed.
    DriftlineError : the file cannot be written.
    """

    def __init__(self, spec: TracesSpec, folder: Path, stream: str, instance: str, service: str) -> None:
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import ReadableSpan
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        except ModuleNotFoundError:
            raise UsageError(
                f"observability.traces.to: read {spec.to}, and OpenTelemetry is not installed; "
                "it comes with pip install 'driftline[otel]'"
            ) from None
        _into_the_log()
        self._resource = Resource.create(
            {
                "service.name": f"driftline-{service}",
                "service.namespace": stream,
                "service.instance.id": instance,
                "service.version": version("driftline"),
            }
        )
        self._scope = InstrumentationScope("driftline", version("driftline"))
        self._span: Any = ReadableSpan
        self._close: Callable[[], None] = lambda: None
        exporter = self._into_file(folder / spec.folder, instance) if spec.to == "file" else _over_http(spec.endpoint)
        self._processor = BatchSpanProcessor(exporter, max_queue_size=QUEUE, schedule_delay_millis=EVERY * 1_000)

    def take(self, spans: list[Span]) -> None:
        for span in spans:
            self._processor.on_end(self._translated(span))

    def close(self) -> None:
        """Send what waits."""
        self._processor.shutdown()
        self._close()

    def _into_file(self, folder: Path, instance: str) -> Any:
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = (folder / f"{instance}.jsonl").open("a", encoding="utf-8")
        except OSError as error:
            raise DriftlineError(
                f"observability.traces.folder: {folder}: cannot be written: {error.strerror}"
            ) from None
        self._close = file.close
        return ConsoleSpanExporter(out=file, formatter=lambda span: span.to_json(indent=None) + "\n")

    def _translated(self, span: Span) -> Any:
        from opentelemetry.trace import Link, SpanKind

        return self._span(
            name=span.name,
            context=_named(span.context, remote=False),
            parent=_named(span.parent, remote=True) if span.parent else None,
            resource=self._resource,
            attributes=dict(span.attributes),
            links=[Link(_named(link, remote=True)) for link in span.links],
            kind=SpanKind[span.kind.upper()],
            instrumentation_scope=self._scope,
            start_time=span.start,
            end_time=span.end,
        )


def open_exporter(spec: TracesSpec, folder: Path, stream: str, instance: str, service: str) -> Exporter | None:
    """None where the specification wants no traces. Raises what `Exporter` does."""
    return None if spec.to == "nowhere" else Exporter(spec, folder, stream, instance, service)


def _over_http(endpoint: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=endpoint)


def _named(context: Context, remote: bool) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags, TraceState

    state = None
    with suppress(ValueError, UnicodeDecodeError):
        state = TraceState.from_header([context.state.decode("ascii")]) if context.state else None
    return SpanContext(context.trace, context.span, remote, TraceFlags(TraceFlags.SAMPLED), state)


class _IntoTheLog(logging.Handler):
    """The SDK's complaints (no collector, a full queue) as lines of the service's own log."""

    def emit(self, record: logging.LogRecord) -> None:
        log.warning("traces", detail=record.getMessage())


def _into_the_log() -> None:
    library = logging.getLogger("opentelemetry")
    if not any(isinstance(handler, _IntoTheLog) for handler in library.handlers):
        library.addHandler(_IntoTheLog(logging.WARNING))
        library.propagate = False
