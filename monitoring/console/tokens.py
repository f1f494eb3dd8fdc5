"""Who may act: bearer tokens, each with the name that the audit gives its holder."""

import hashlib
import hmac
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from driftline.errors import UsageError

SHORTEST = 16
"""Characters of a token; 16 random ones cannot be guessed."""
# Wrong tokens that are listened to within a minute; then the console is deaf to tokens for the rest of it.
MOST_WRONG, WRONG_MS = 10, 60_000

Refusal = Literal["read-only", "missing", "wrong", "too-many"]


@dataclass(slots=True)
class Tokens:
    """Judges `Authorization` headers.

    Parameters
    ----------
    digests : SHA-256 of each token → the name of its holder. Without any, the console is read-only.
    """

    digests: Mapping[bytes, str]
    _wrong: deque[int] = field(default_factory=deque)

    @classmethod
    def parse(cls, text: str, where: str) -> "Tokens":
        """Read tokens, one a line, each alone or as NAME:TOKEN. Lines that begin with '#' are left out.

        Raises
        ------
        UsageError : a token is too short; the message names its line and never the token.
        """
        digests: dict[bytes, str] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not (line := line.strip()) or line.startswith("#"):
                continue
            name, colon, token = line.partition(":")
            if not colon:
                name, token = "operator", line
            token = token.strip()
            if len(token) < SHORTEST or not token.isascii() or any(c.isspace() for c in token):
                raise UsageError(
                    f"{where}, line {number}: read a token of {len(token)} characters; allowed: at least {SHORTEST}, "
                    "ASCII without spaces, alone on a line or as NAME:TOKEN"
                )
            digests[_digest(token)] = name.strip() or "operator"
        return cls(digests)

    @property
    def any(self) -> bool:
        """Whether somebody may act."""
        return bool(self.digests)

    def judge(self, authorization: str | None, now_ms: int) -> str | Refusal:
        """The holder's name as 'as NAME', or why the header does not do.

        Compares digests in constant time, so that an answer's time tells nothing of a token.
        """
        if not self.digests:
            return "read-only"
        if not authorization:
            return "missing"
        while self._wrong and self._wrong[0] < now_ms - WRONG_MS:
            self._wrong.popleft()
        if len(self._wrong) >= MOST_WRONG:
            return "too-many"
        scheme, _, token = authorization.partition(" ")
        given, holder = _digest(token.strip()), None
        for digest, name in self.digests.items():
            if hmac.compare_digest(digest, given):
                holder = name
        if scheme.lower() != "bearer" or holder is None:
            self._wrong.append(now_ms)
            return "wrong"
        return f"as {holder}"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
