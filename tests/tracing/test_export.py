"""Spans reach a file and a collector whole."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from driftline.errors import DriftlineError
from driftline.spec.observability import TracesSpec
from driftline.tracing.context import Context
from driftline.tracing.export import open_exporter
from driftline.tracing.spans import Span
from tests.tracing.needing import opentelemetry

PARENT = Context(0xABC, 0x1, b"vendor=1")
SPAN = Span(
    "predict pumps.features", Context(0xABC, 0x2), PARENT, 1_000_000_000, 1_500_000_000, "consumer",
    {"driftline.record_id": "r1", "messaging.kafka.offset": 7}, (Context(0xDEF, 0x3),),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _needs_it() -> None:
    opentelemetry()


def test_nowhere_is_nothing(tmp_path: Path) -> None:
    assert open_exporter(TracesSpec(), tmp_path, "pumps", "consumer-0", "consumer") is None
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_the_library_is_imported_without_traces() -> None:
    names = "consumers.service, monitoring.service, training.service, producers.run, driftline.service.runtime"
    asked = f"import sys, {names}; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    subprocess.run([sys.executable, "-c", asked], check=True, env=os.environ | {"PYTHONPATH": ":".join(sys.path)})


def test_a_file_gets_a_line_a_span(tmp_path: Path) -> None:
    for _ in range(2):  # a service that comes back goes on in its file
        exporter = open_exporter(TracesSpec(to="file"), tmp_path, "pumps", "consumer-0", "consumer")
        assert exporter is not None
        exporter.take([SPAN])
        exporter.close()
    lines = (tmp_path / "traces" / "consumer-0.jsonl").read_text().splitlines()
    assert len(lines) == 2
    told = json.loads(lines[0])
    assert told["name"] == SPAN.name
    assert told["context"]["trace_id"] == f"0x{0xABC:032x}"
    assert (told["context"]["span_id"], told["parent_id"]) == (f"0x{2:016x}", f"0x{1:016x}")
    assert told["attributes"] == SPAN.attributes
    assert told["resource"]["attributes"]["service.name"] == "driftline-consumer"
    assert told["links"][0]["context"]["trace_id"] == f"0x{0xDEF:032x}"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "traces").write_text("a file")
    with pytest.raises(DriftlineError, match=r"observability\.traces\.folder"):
        open_exporter(TracesSpec(to="file"), tmp_path, "pumps", "consumer-0", "consumer")


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """A server that takes what is posted to /v1/traces; its address and the bodies."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_collector_gets_otlp(tmp_path: Path) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    with collector() as (endpoint, bodies):
        spec = TracesSpec(to="otlp", endpoint=endpoint)
        exporter = open_exporter(spec, tmp_path, "pumps", "consumer-0", "consumer")
        assert exporter is not None
        exporter.take([SPAN] * 3)
        exporter.close()
    (body,) = bodies
    request = ExportTraceServiceRequest.FromString(body)
    spans = request.resource_spans[0].scope_spans[0].spans
    assert len(spans) == 3
    assert int.from_bytes(spans[0].trace_id) == 0xABC
    assert (int.from_bytes(spans[0].span_id), int.from_bytes(spans[0].parent_span_id)) == (2, 1)
    assert (spans[0].start_time_unix_nano, spans[0].end_time_unix_nano) == (SPAN.start, SPAN.end)


def test_a_collector_that_is_away_costs_the_service_a_line_in_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    spec = TracesSpec(to="otlp", endpoint="http://127.0.0.1:1/v1/traces")
    exporter = open_exporter(spec, tmp_path, "pumps", "consumer-0", "consumer")
    assert exporter is not None
    with capture_logs() as logs:
        exporter.take([SPAN])
        exporter.close()
    assert [line["event"] for line in logs if line["event"] == "traces"]
