"""One writer at a time in a folder, across processes and threads."""

import errno
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Storing a version of 100 MB takes a second or two. Well below the minute after which a silent service loop counts as
# stuck, because the trainer waits here on its loop's thread.
PATIENCE = 20.0
_AGAIN = 0.01
# What a file system without locks answers (some network shares and FUSE file systems).
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


@contextmanager
def write_lock(path: Path, patience: float = PATIENCE) -> Iterator[bool]:
    """Hold the lock file at `path`; yields False where the file system knows no locks.

    The kernel releases the lock when its holder dies, however it dies, so there are no stale ones. The file stays:
    it says who wrote last, and removing it would let two writers lock two files of one name.

    Raises
    ------
    BlockingIOError : another writer held it for `patience` seconds.
    OSError : the file cannot be opened.
    """
    if fcntl is None:
        yield False
        return
    descriptor = _open(path)
    try:
        held = _lock(descriptor, path, patience)
        if held:
            _sign(descriptor)
        yield held
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY)  # another user's; locking asks for no more


def _lock(descriptor: int, path: Path, patience: float) -> bool:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                raise BlockingIOError(
                    errno.EAGAIN, f"another writer has held it for {patience:.0f} s ({_holder(descriptor)})"
                ) from None
            time.sleep(_AGAIN)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            raise


def _sign(descriptor: int) -> None:
    """Say who holds it. For people only, so a full disk or another user's file is no matter."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()} on {socket.gethostname()} since {now}\n".encode(), 0)


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "unknown"
