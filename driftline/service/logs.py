"""Structured logs: one line an event on stderr, for people on a terminal and as JSON elsewhere."""

import logging
import os
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from driftline.tracing.identity import Identity


def configure_logs(identity: Identity | None = None, **fields: str) -> None:
    """One structured line an event on stderr: for people on a terminal, JSON elsewhere.

    DRIFTLINE_LOG sets the level (default info), DRIFTLINE_LOG_FORMAT is 'json' or 'text'.

    Parameters
    ----------
    identity : with it, a line that names a drift event, a job or a record names the trace, too.
    fields : said in every line, of whatever thread: the service and the stream.
    """
    level = logging.getLevelNamesMapping().get(os.environ.get("DRIFTLINE_LOG", "info").upper(), logging.INFO)
    text = os.environ.get("DRIFTLINE_LOG_FORMAT", "text" if sys.stderr.isatty() else "json") == "text"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *([] if text else [_named(fields)]),
            *([_traced(identity)] if identity is not None else []),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if text else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _named(fields: dict[str, str]) -> Processor:
    """On a terminal the person knows which service it is."""

    def add(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {**fields, **event}

    return add


def _traced(identity: Identity) -> Processor:
    names: tuple[str, ...] = ("drift_event", "job", "record")

    def add(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        # A job belongs to the trace of its drift event, where it has one.
        name = next((event[key] for key in names if event.get(key)), None)
        return event if name is None else {**event, "trace": f"{identity.trace(str(name)):032x}"}

    return add
