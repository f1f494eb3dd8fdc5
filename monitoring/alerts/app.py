"""The receiver over HTTP."""

import threading
from collections.abc import Callable

import structlog
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry

from driftline.errors import DriftlineError, UsageError
from monitoring.alerts.metrics import AlertMetrics
from monitoring.alerts.payload import Alert, read_webhook
from monitoring.alerts.receiver import Decision, Receiver
from monitoring.doors.serving import add_health
from monitoring.doors.tokens import Refusal, Tokens

log = structlog.get_logger()

# Alertmanager's largest groups are some hundred KB.
MOST_BYTES = 2 * 1024 * 1024

Ask = Callable[[str, str, int], None]
"""Puts a job on the topic: its id, the reason, the time in epoch ms. Raises DriftlineError."""


def alerts_app(
    receiver: Receiver, tokens: Tokens, ask: Ask, now_ms: Callable[[], int], registry: CollectorRegistry
) -> FastAPI:
    """An application that takes webhooks at `/alerts`.

    Answers 401 without a known token, 429 after too many others from one address, 400 or 413 for a body that is no
    webhook, 503 if a job could not be put on the topic (Alertmanager and Grafana then send it again, and what was asked
    for already is not asked for twice), else 200 with a line for each alert. An alert that is refused by a limit is
    answered with 200: sent again, it would only be refused again, and while it lasts it comes back by itself.

    Parameters
    ----------
    tokens : those that a webhook may show as `Authorization: Bearer TOKEN`.
    registry : where its metrics are; served at `/metrics`.
    """
    app = FastAPI(title="driftline alerts", docs_url=None, redoc_url=None, openapi_url=None)
    metrics = AlertMetrics(registry)
    # Two webhooks at once must not both find an alert unasked for.
    turn = threading.Lock()

    def settle(alerts: tuple[Alert, ...]) -> list[Decision]:
        decisions = []
        with turn:
            for alert in alerts:
                decision = receiver.decide(alert, now_ms())
                if decision.action == "retrain" and decision.job_id is not None:
                    ask(decision.job_id, decision.reason, now := now_ms())
                    receiver.asked(decision.job_id, now)
                    log.info("an alert asked for a retraining", alert=decision.alert, job=decision.job_id)
                metrics.received(decision.action)
                decisions.append(decision)
        return decisions

    @app.post("/alerts")
    async def alerts(request: Request) -> JSONResponse:
        source = request.client.host if request.client else ""
        said = tokens.judge(request.headers.get("authorization"), source, now_ms())
        if isinstance(said, Refusal):
            metrics.refused("token")
            return JSONResponse({"error": said.detail}, said.status, said.headers)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                metrics.refused("body")
                return JSONResponse({"error": f"the body exceeds {MOST_BYTES} bytes"}, 413)
        try:
            found = read_webhook(bytes(body))
        except UsageError as error:
            metrics.refused("body")
            return JSONResponse({"error": str(error)}, 400)
        try:
            decisions = await run_in_threadpool(settle, found)
        except DriftlineError as error:
            metrics.refused("kafka")
            log.warning("a retraining could not be asked for", error=str(error))
            return JSONResponse({"error": str(error)}, 503)
        return JSONResponse({"alerts": [_shown(decision) for decision in decisions]})

    add_health(app, registry)
    return app


def _shown(decision: Decision) -> dict[str, str | None]:
    return {
        "alert": decision.alert,
        "action": decision.action,
        "reason": decision.reason,
        "job_id": decision.job_id,
    }
