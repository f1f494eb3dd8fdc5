"""Bringing messages to webhooks: on threads, with rests between tries, and never for ever."""

import random
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import structlog

from monitoring.notify.core import Delivery

log = structlog.get_logger()

FIRST_REST = 1.0
LONGEST_REST = 60.0
# What a receiver may answer that another try can mend; any other refusal will be the same the next time.
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class WebhookCourier:
    """`monitoring.notify.core.Courier` over HTTP.

    Parameters
    ----------
    urls : name of each webhook → its URL.
    attempts, timeout : of the specification's `notify`.
    """

    def __init__(self, urls: Mapping[str, str], attempts: int, timeout: float) -> None:
        self._urls, self._attempts, self._timeout = urls, attempts, timeout
        # One thread a webhook: a slow one keeps none of the others waiting, and order holds for each.
        self._lanes = {name: ThreadPoolExecutor(1, thread_name_prefix=f"notify-{name}") for name in urls}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._done = 0
        self.results: Counter[tuple[str, str]] = Counter()
        """(webhook, 'delivered' or 'given-up') → deliveries."""

    def send(self, delivery: Delivery) -> None:
        self._lanes[delivery.hook.name].submit(self._bring, delivery)

    def settled(self) -> int:
        with self._lock:
            done, self._done = self._done, 0
        return done

    def close(self) -> None:
        """Give up what is under way; it will be told again."""
        self._stop.set()
        for lane in self._lanes.values():
            lane.shutdown(wait=False, cancel_futures=True)

    def _bring(self, delivery: Delivery) -> None:
        name, rest, why = delivery.hook.name, FIRST_REST, ""
        for attempt in range(1, self._attempts + 1):
            again, why = self._try(delivery)
            if not why or not again or attempt == self._attempts:
                break
            # A spread of a half keeps many notifiers from knocking together.
            if self._stop.wait(rest * random.uniform(0.75, 1.25)):
                return
            rest = min(2 * rest, LONGEST_REST)
        if why:
            log.warning("a notification could not be delivered", webhook=name, reason=why)
        with self._lock:
            self.results[name, "given-up" if why else "delivered"] += 1
            self._done += 1

    def _try(self, delivery: Delivery) -> tuple[bool, str]:
        """Whether another try may help, and what was wrong; nothing if it arrived. A URL is in no message."""
        request = urllib.request.Request(
            self._urls[delivery.hook.name], delivery.body, {"Content-Type": delivery.content_type}
        )
        try:
            with _OPENER.open(request, timeout=self._timeout) as answer:
                answer.read(1024)
            return False, ""
        except urllib.error.HTTPError as error:
            return error.code in _PASSING, f"HTTP {error.code}"
        except urllib.error.URLError as error:
            return True, str(error.reason)
        except (OSError, ValueError) as error:
            return True, type(error).__name__


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A webhook that sends elsewhere is not followed: the URL was chosen, the other place was not."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)
