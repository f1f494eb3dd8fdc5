"""Who may act: bearer tokens (RFC 6750), each with the name that the audit gives its holder."""

import hashlib
import hmac
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from driftline.errors import UsageError

SHORTEST = 16
"""Characters of a token; 16 random ones cannot be guessed."""
# Wrong tokens that are listened to within a minute from one address; for the rest of it, none of that address is.
MOST_WRONG, WRONG_MS = 10, 60_000
# Wrong tokens remembered of all addresses together.
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Holder:
    """Who shows a known token."""

    name: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nobody is let in, as HTTP says it.

    Attributes
    ----------
    challenge : the WWW-Authenticate header that belongs to a 401, else empty.
    """

    status: int
    detail: str
    challenge: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        return {"WWW-Authenticate": self.challenge} if self.challenge else {}


READ_ONLY = Refusal(403, "this door is read-only: it was started without a token")
MISSING = Refusal(401, "a token is needed: Authorization: Bearer TOKEN", "Bearer")
WRONG = Refusal(401, "that token is not known here", "Bearer")
TOO_MANY = Refusal(429, "too many wrong tokens from this address; try again in a minute")


@dataclass(slots=True)
class Tokens:
    """Judges `Authorization` headers.

    Parameters
    ----------
    digests : SHA-256 of each token → the name of its holder. Without any, nobody may act.
    """

    digests: Mapping[bytes, str]
    _wrong: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

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

    def judge(self, authorization: str | None, source: str, now_ms: int) -> Holder | Refusal:
        """Whose token the header shows, or why it does not do.

        Compares digests in constant time, so that an answer's time tells nothing of a token.

        Parameters
        ----------
        source : the address that the request came from; whoever guesses shuts out nobody else.
        """
        if not self.digests:
            return READ_ONLY
        if not authorization:
            return MISSING
        while self._wrong and self._wrong[0][0] < now_ms - WRONG_MS:
            self._wrong.popleft()
        if sum(known == source for _, known in self._wrong) >= MOST_WRONG:
            return TOO_MANY
        scheme, _, token = authorization.partition(" ")
        given, holder = _digest(token), None
        for digest, name in self.digests.items():
            if hmac.compare_digest(digest, given):
                holder = name
        if scheme.lower() != "bearer" or holder is None:
            self._wrong.append((now_ms, source))
            return WRONG
        return Holder(holder)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
