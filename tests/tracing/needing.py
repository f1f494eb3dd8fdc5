"""What a test of exported spans needs."""

from importlib.util import find_spec

from tests.parts import missing


def opentelemetry() -> None:
    """Skip the test, or fail it, where OpenTelemetry's SDK is not installed."""
    try:
        there = find_spec("opentelemetry.sdk") and find_spec("opentelemetry.exporter.otlp.proto.http")
    except ModuleNotFoundError:
        there = None
    if there is None:
        missing("opentelemetry-sdk is not installed (driftline[otel])")
