"""Where a door's tokens come from."""

import os
from pathlib import Path

from driftline.errors import UsageError
from driftline.kafka.credentials import read_secret_file
from monitoring.doors.tokens import Tokens


def read_tokens(variable: str, field: str, file: Path | None) -> Tokens:
    """The tokens of an environment variable and of a file; those of both are known.

    Parameters
    ----------
    variable : name of the environment variable.
    field : what named the file, for messages.

    Raises
    ------
    UsageError : the file cannot be read or holds no token, or a token is too short.
    """
    found = dict(Tokens.parse(os.environ.get(variable, ""), variable).digests)
    if file is not None:
        tokens = Tokens.parse(read_secret_file(field, str(file)), f"{field} {file}")
        if not tokens.any:
            raise UsageError(f"{field} {file}: read no token; expected one a line")
        found |= tokens.digests
    return Tokens(found)
