"""A TCP proxy that misbehaves on demand: refuses, holds, cuts, delays, or lets little through."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

HOST = "127.0.0.1"
_CHUNK = 64 * 1024
_QUEUED = 64


class Proxy:
    """Stands between clients and one address; runs in a thread of its own.

    Parameters
    ----------
    upstream : the port on 127.0.0.1 to connect to, asked for at every connection.

    Attributes
    ----------
    port : where it listens. Stays the same over `refuse` and `open`.
    delay : seconds added on the way back, to each answer; answers that follow each other overlap.
    rate : bytes a second in each direction, all connections together; 0 for no limit.
    """

    def __init__(self, upstream: Callable[[], int]) -> None:
        self._upstream = upstream
        self.port = 0
        self.delay = 0.0
        self.rate = 0
        self._free = {True: 0.0, False: 0.0}
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._gate = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.open()

    def open(self) -> None:
        """Let everything through (again). What was held arrives now, as after a cut that TCP has outlasted."""
        self._run(self._open())

    def hold(self) -> None:
        """A black hole: connections stand and new ones are accepted, but nothing comes through."""
        self._loop.call_soon_threadsafe(self._gate.clear)

    def cut(self) -> None:
        """End every connection at once, with a reset. New ones are welcome."""
        self._run(self._cut())

    def refuse(self) -> None:
        """End every connection and accept no new one."""
        self._run(self._refuse())

    def close(self) -> None:
        """Refuse for good and end the thread."""
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _open(self) -> None:
        self._gate.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, HOST, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            await self._gate.wait()
            answers, there = await asyncio.open_connection(HOST, self._upstream())
            self._writers.add(there)
            await _first_end(self._pump(reader, there, back=False), self._pump(answers, writer, back=True))
        except OSError:
            pass  # nobody listens there, or somebody hung up: both ends are closed below
        finally:
            for end in (writer, there):
                if end is not None:
                    self._writers.discard(end)
                    end.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, back: bool) -> None:
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUED)
        await _first_end(self._take(source, held, back), self._give(held, sink, back))

    async def _take(self, source: asyncio.StreamReader, held: asyncio.Queue[tuple[float, bytes]], back: bool) -> None:
        while chunk := await source.read(_CHUNK):
            await held.put((time.monotonic() + (self.delay if back else 0.0), chunk))

    async def _give(self, held: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter, back: bool) -> None:
        while True:
            due, chunk = await held.get()
            if self.rate:
                # One queue for all connections: each chunk leaves when the line has carried what was before it.
                self._free[back] = max(self._free[back], time.monotonic()) + len(chunk) / self.rate
                due = max(due, self._free[back])
            await asyncio.sleep(max(due - time.monotonic(), 0))
            await self._gate.wait()
            sink.write(chunk)
            await sink.drain()


async def _first_end(*parts: Coroutine[Any, Any, None]) -> None:
    """Run them together until one ends, then end the others."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(OSError):
            await asyncio.gather(*tasks, return_exceptions=True)
