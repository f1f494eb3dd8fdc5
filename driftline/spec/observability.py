"""What is told of single records and of the loop beside metrics and logs."""

from typing import Literal

from pydantic import Field

from driftline.spec.features import Strict


class TracesSpec(Strict):
    """Traces: a record's way from producer to prediction, and a drift's from event to promotion."""

    to: Literal["nowhere", "file", "otlp"] = Field(
        default="nowhere",
        description="`file`: JSON lines in `folder`; `otlp`: an OpenTelemetry collector at `endpoint`. Both need "
        "`pip install 'driftline[otel]'`.",
    )
    folder: str = Field(default="traces", description="Folder for `file`, beside this file; each service has its own.")
    endpoint: str = Field(
        default="http://127.0.0.1:4318/v1/traces",
        pattern=r"^https?://[^\s/]+",
        description="OTLP over HTTP. Further settings (headers, time-out, certificates) as OpenTelemetry's own "
        "environment variables, OTEL_EXPORTER_OTLP_….",
    )
    share: float = Field(
        default=0.001,
        ge=0,
        le=1,
        description="Share of the records that are followed. Drift events, jobs and promotions always are.",
    )


class ObservabilitySpec(Strict):
    """What is shown beyond metrics and logs."""

    traces: TracesSpec = TracesSpec()
