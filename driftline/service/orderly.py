"""An HTTP server whose process ends with status 0 when it is told to end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


class OrderlyServer(uvicorn.Server):
    """Takes SIGTERM and SIGINT as the order to finish what is under way, and returns from `run`.

    uvicorn's own server raises the signal again when all is closed: the process dies of it, and whoever supervises
    it reads a crash.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals, in the main thread, and do not raise them again."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self.handle_exit)
        yield
