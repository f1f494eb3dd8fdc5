"""Which requests are answered at all: none of another site's page, and none by another name than the console's own.

A page on the web may send requests to an address on this machine. What it sends is told from the console's own page by
Origin and Sec-Fetch-Site (W3C Fetch Metadata), which a page cannot set; and a name that was made to point here (DNS
rebinding) is told by the Host header. There are no cookies, so nothing is sent along unasked.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
CARD_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
"""For model cards: pages without scripts, whose style and pictures are within."""


def refuses(method: str, headers: Mapping[str, str], names: frozenset[str] | None) -> str | None:
    """Why a request is refused; None if it is not.

    Parameters
    ----------
    headers : by lower-case name.
    names : the hosts that the console may be called by; None: any.
    """
    host = headers.get("host", "")
    if names is not None and _name(host) not in names:
        return "this console is not known by that name (Host header); it may be named with --allowed-host"
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return "requests of other sites are refused (Origin)"
    if method not in ("GET", "HEAD"):
        if site not in (None, "same-origin"):
            return "requests of other sites are refused (Sec-Fetch-Site)"
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return "the body must be application/json"
    elif site == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        return "requests of other sites are refused (Sec-Fetch-Site)"
    return None


def _name(host: str) -> str:
    """The host without its port.

    >>> _name("127.0.0.1:8765"), _name("[::1]:80"), _name("Localhost")
    ('127.0.0.1', '::1', 'localhost')
    """
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
