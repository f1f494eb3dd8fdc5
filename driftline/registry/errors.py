"""What can be wrong with a registry. `cause` is the word for it in metrics: a handful, whatever happens."""

import errno
from typing import ClassVar

from driftline.errors import DriftlineError

# What a share or a store answers that is away for a while. Clients of object stores give no number at all.
_AWAY = {
    errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED,
    errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.EPIPE,
}  # fmt: skip


class RegistryError(DriftlineError):
    """The registry cannot be read or written, or does not hold what was asked for."""

    cause: ClassVar[str] = "other"


class Unreachable(RegistryError):
    """It cannot be read, or does not answer at all: the share is away, the store is down, permission is denied."""

    cause = "unreachable"


class Unwritable(RegistryError):
    """It refuses to be written: the disk is full, the folder is read-only, another writer holds it."""

    cause = "unwritable"


class Missing(RegistryError):
    """What was asked for is not there."""

    cause = "missing"


class Damaged(RegistryError):
    """A file is there and is not what was written."""

    cause = "damaged"


class ChampionChanged(RegistryError):
    """Another model came into service than the one that the caller had seen there."""

    cause = "changed"


def passing(error: OSError) -> bool:
    """Whether the way to the registry is broken, rather than a write refused (disk full, no permission)."""
    refused = isinstance(error, PermissionError | FileNotFoundError | FileExistsError | NotADirectoryError)
    return not refused and (error.errno is None or error.errno in _AWAY)
