"""The console over HTTP: one page, what it shows as server-sent events, and the acts behind a token."""

import asyncio
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict, Field

from driftline import operations
from driftline.errors import DriftlineError, UsageError
from driftline.records.acts import ActKind
from driftline.workspace import Workspace
from monitoring.console.acts import Operator, Wish
from monitoring.console.guard import CARD_POLICY, HEADERS, refuses
from monitoring.console.view import View
from monitoring.doors.serving import add_health
from monitoring.doors.tokens import Refusal, Tokens

STATIC = Path(str(files("monitoring.console") / "static"))
# How often a page hears of what changed: as a person looks, not as records come.
EVERY = 0.5
# A line without meaning keeps the connection open through what stands between.
HEARTBEAT = 10.0
MOST_PAGES = 64
LARGEST_BODY = 4_096
# Sections that change all the time and cost the page most to draw.
SLOWER = {"line": 1.0, "heat": 1.0}

_encode = msgspec.json.encode


class Asked(BaseModel):
    """The body of an act."""

    model_config = ConfigDict(extra="forbid")

    act: ActKind
    subject: str | None = Field(default=None, max_length=128)
    note: str = Field(default="", max_length=500)


class Console:
    """The view and what guards it, shared by the threads that read and the loop that answers.

    Parameters
    ----------
    names : hosts that the console may be called by; None: any.
    lock : held by whoever touches the view.
    """

    def __init__(
        self,
        workspace: Workspace,
        view: View,
        operator: Operator,
        tokens: Tokens,
        names: frozenset[str] | None,
        lock: threading.Lock,
    ) -> None:
        self.workspace, self.view, self.operator, self.tokens, self.names = workspace, view, operator, tokens, names
        self.lock = lock
        self.boot = uuid.uuid4().hex[:8]
        self.closing = threading.Event()
        self.pages = 0

    def told(self, known: dict[str, str], resting: set[str]) -> dict[str, bytes]:
        """Sections that are not as `known`, which is brought up to date, as JSON; none of `resting`."""
        with self.lock:
            numbers = self.view.sections()
            changed = [name for name, number in numbers.items() if name not in resting and known.get(name) != number]
            shown = {name: _encode(self.view.section(name)) for name in changed}
        known.update({name: numbers[name] for name in changed})
        return shown


def make_app(console: Console, prometheus: CollectorRegistry) -> FastAPI:
    """The application around a console."""
    # No pages of FastAPI's own: they would load their scripts from elsewhere.
    app = FastAPI(title="driftline console", docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        headers = dict(request.headers.items())
        length = headers.get("content-length", "0")
        if (why := refuses(request.method, headers, console.names)) is not None:
            response: Response = JSONResponse({"detail": why}, 403)
        elif "transfer-encoding" in headers or not length.isdecimal() or int(length) > LARGEST_BODY:
            response = JSONResponse({"detail": f"the body may have {LARGEST_BODY} bytes"}, 413)
        else:
            response = await answer(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def holder(request: Request) -> str:
        source = request.client.host if request.client else ""
        said = console.tokens.judge(request.headers.get("authorization"), source, time.time_ns() // 1_000_000)
        if isinstance(said, Refusal):
            raise HTTPException(said.status, said.detail, said.headers)
        return said.name

    @app.get("/")
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.get("/api/stream")
    async def stream() -> StreamingResponse:
        if console.pages >= MOST_PAGES:
            raise HTTPException(503, f"{MOST_PAGES} pages are open already")
        return StreamingResponse(_stream(console), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    @app.get("/api/events")
    def events(before: int = 0, count: int = 50) -> Response:
        with console.lock:
            return _json(console.view.happened.page(max(before, 0), min(max(count, 1), 200)))

    @app.get("/api/jobs/{job_id}/log")
    def job_log(job_id: str) -> Response:
        with console.lock:
            found = console.view.happened.job_log(job_id)
        if found is None:
            raise HTTPException(404, "no log of such a job is kept here")
        return _json(found)

    @app.get("/api/heat")
    def heat() -> Response:
        with console.lock:
            found = console.view.heat
            if found is None:
                raise HTTPException(404, "no version is in service yet")
            head = {
                "revision": found.timeline.revision,
                "count": found.timeline.count,
                "start": found.timeline.start,
                "width": found.timeline.width_ms,
                "names": found.names,
                "psi": [round(float(value), 3) for value in found.psi],
            }
            body = _encode(head) + b"\n" + found.cells()
        return Response(body, media_type="application/octet-stream")

    @app.get("/api/feature")
    def feature(name: str) -> Response:
        with console.lock:
            found = console.view.heat.detail(name) if console.view.heat else None
        if found is None:
            raise HTTPException(404, "there is no such feature, or no version in service yet")
        return _json(found)

    @app.get("/card/{version}")
    def card(version: int) -> Response:
        return HTMLResponse(_card(console.workspace, version), headers={"Content-Security-Policy": CARD_POLICY})

    @app.get("/api/me")
    def me(name: Annotated[str, Depends(holder)]) -> Response:
        return _json({"name": name})

    @app.get("/api/letters/{number}")
    def letter(number: int, name: Annotated[str, Depends(holder)]) -> Response:
        with console.lock:
            found = console.view.letters.opened(number)
        if found is None:
            raise HTTPException(404, "that sample is not kept any more")
        return _json(found)

    @app.post("/api/acts")
    def act(asked: Asked, name: Annotated[str, Depends(holder)], request: Request) -> Response:
        source = request.client.host if request.client else ""
        try:
            return _json(console.operator.do(Wish(asked.act, asked.subject, name, source, asked.note)))
        except UsageError as error:
            raise HTTPException(409, str(error)) from None
        except DriftlineError as error:
            raise HTTPException(503, f"not done: {error}") from None

    add_health(app, prometheus)
    return app


async def _stream(console: Console) -> AsyncIterator[bytes]:
    """What changed, as long as the page listens."""
    known: dict[str, str] = {}
    sent = dict.fromkeys(SLOWER, float("-inf"))
    spoken = time.monotonic()
    console.pages += 1
    try:
        start = {"boot": console.boot, "acts": console.tokens.any}
        yield b"retry: 1000\n" + _event("hello", _encode(start))
        while not console.closing.is_set():
            now = time.monotonic()
            resting = {name for name, rest in SLOWER.items() if now - sent[name] < rest}
            for name, content in (await asyncio.to_thread(console.told, known, resting)).items():
                if name in sent:
                    sent[name] = now
                yield _event(name, content)
                spoken = now
            if now - spoken > HEARTBEAT:
                spoken = now
                yield b": still here\n\n"
            await asyncio.sleep(EVERY)
    finally:
        console.pages -= 1


def _event(name: str, content: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + content + b"\n\n"


def _json(content: Any) -> Response:
    return Response(_encode(content), media_type="application/json")


def _card(workspace: Workspace, version: int) -> str:
    from driftline.model_card.page import card_page

    try:
        manifest = operations.known(workspace, version)
        champion = workspace.registry.champion()
        in_service = champion is not None and champion.version == version
        return card_page(manifest, workspace.registry.card(version), in_service=in_service).html()
    except UsageError as error:
        raise HTTPException(404, str(error)) from None
    except (DriftlineError, ModuleNotFoundError) as error:
        raise HTTPException(503, str(error)) from None
