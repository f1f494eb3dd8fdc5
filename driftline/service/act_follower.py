"""Following what people do by hand: the acts of NAME.audit, read on a thread of its own."""

import threading
from collections import deque

import structlog
from pydantic import ValidationError

from driftline.kafka.interface import Client
from driftline.records.acts import Act, ActKind
from driftline.service.listening import listen
from driftline.spec.stream import StreamSpec

log = structlog.get_logger()

# Acts kept for the service to take; of a flood, the newest.
KEPT = 1_000


class ActFollower:
    """Hands over the acts that were done, in order, and the one that holds for the policy again after a restore.

    A core that restores its state becomes what it was at its last commit, so it may not know the newest act any more;
    `take` says it again whenever the number of restores has changed.
    """

    def __init__(self, spec: StreamSpec, client: Client) -> None:
        self._spec, self._client = spec, client
        self._fresh: deque[Act] = deque(maxlen=KEPT)
        self._holds: Act | None = None
        self._restores = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="acts", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def take(self, restored: int) -> list[Act]:
        """Acts done since the last call; `restored` counts the restores of the core that is told."""
        found = []
        if restored != self._restores:
            self._restores = restored
            found = [self._holds] if self._holds is not None else []
        while self._fresh:
            act = self._fresh.popleft()
            found.append(act)
            if act.kind in (ActKind.PAUSE, ActKind.RESUME):
                self._holds = act
        return found

    def _listen(self) -> None:
        listen(
            self._client,
            self._spec.topics.audit,
            self._note,
            self._stop,
            without="the audit cannot be read; a pause of the policy is not heard",
        )

    def _note(self, value: bytes | None) -> None:
        try:
            act = Act.from_json(value or b"")
        except ValidationError as error:
            log.warning("not an act", error=str(error.errors(include_url=False)[0]["msg"]))
            return
        if act.result == "done":
            self._fresh.append(act)
