"""W3C trace context, level 1, as Kafka headers: https://www.w3.org/TR/trace-context/#traceparent-header."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

Headers = tuple[tuple[str, bytes], ...]

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
# Version 00 has exactly these fields; of a newer one, what follows them is passed over (section 4.3).
_HEADER = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Context:
    """A span as others name it.

    Attributes
    ----------
    trace : 128 bits.
    span : 64 bits.
    state : the header `tracestate`, which other systems wrote; passed on as it is.
    """

    trace: int
    span: int
    state: bytes = b""

    def headers(self) -> Headers:
        """What a record carries whose writer is this span. The span is recorded: only those are written."""
        parent = (TRACEPARENT, b"00-%032x-%016x-01" % (self.trace, self.span))
        return (parent, (TRACESTATE, self.state)) if self.state else (parent,)


def read_context(headers: Iterable[tuple[str, bytes | None]] | None) -> Context | None:
    """The context that a record brings; None without one, or with one that is not W3C's.

    >>> read_context([("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]).span
    13235353014750950193
    """
    found = {name: value for name, value in headers or () if value is not None}
    match = _HEADER.fullmatch(found.get(TRACEPARENT, b""))
    if match is None or (match[1] == b"00" and match[5]):
        return None
    return Context(int(match[2], 16), int(match[3], 16), found.get(TRACESTATE, b""))
