"""One look at the registry after another: is there a newer champion, and can it be loaded? No thread, no clock."""

from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from driftline.errors import DriftlineError
from driftline.records.loop import ModelEvent
from driftline.registry.errors import Missing, RegistryError
from driftline.registry.manifest import Champion, Manifest
from driftline.registry.registry import Registry
from driftline.service.registry_metrics import RegistryMetrics
from driftline.service.sparing import Sparing
from driftline.spec.stream import StreamSpec

log = structlog.get_logger()
T = TypeVar("T")

# Seconds to the next look. The event is the nudge and the registry the truth: should an event be lost (a development
# broker that forgot its topics, a compaction gone wrong), the registry is looked at this often all the same.
CALM = 5.0
# Before the first model, when a service can do nothing else.
FIRST = 0.5
# While a newer champion is known to exist, because another member has answered with it. Somebody's records wait.
NEEDED = 0.2
# After this many looks for it in vain, something is broken and haste does not mend it.
HASTY_LOOKS = 50
LESS_HASTY = 1.0
# Champions that may come into service while one is being loaded, before this look gives up.
OVERTAKEN = 3


class _Older(RegistryError):
    cause = "older"


class _Unfit(RegistryError):
    cause = "unfit"


class ChampionWatch(Generic[T]):
    """Knows which champion is in hand, and what keeps the next one from being so.

    Parameters
    ----------
    load : from a manifest, what the service needs of that version.
    failed : told of each version that could not be loaded, once (0: it is not even known which).
    sparing : bounds what is logged of odd events.

    Attributes
    ----------
    sequence : of the champion loaded last.
    trouble : why the registry's champion, or the one that is needed, is not in hand; None if all is well, or if there
        has been no champion yet.
    """

    def __init__(
        self,
        spec: StreamSpec,
        registry: Registry,
        load: Callable[[Manifest], T],
        failed: Callable[[int], None],
        metrics: RegistryMetrics | None = None,
        sparing: Sparing | None = None,
    ) -> None:
        self._spec, self._registry, self._load, self._failed, self._metrics = spec, registry, load, failed, metrics
        self._sparing = sparing
        self.sequence = 0
        self.trouble: str | None = None
        self._needed, self._hasty = 0, 0
        self._said: tuple[object, ...] = ()
        self._broken: tuple[int, str] | None = None
        self._announced: ModelEvent | None = None
        self._odd: tuple[int, int | None] | None = None

    # -- what may be called from other threads --------------------------------------------------------------------

    def need(self, sequence: int) -> bool:
        """Hurry until a champion of at least this sequence is in hand; returns whether that is still to come."""
        if sequence > self._needed:
            self._needed, self._hasty = sequence, 0
        return sequence > self.sequence

    def announced(self, event: ModelEvent) -> bool:
        """A model event said that the champion changed; returns whether that is news."""
        if event.sequence <= self.sequence:
            return False
        self._announced = event
        return True

    # -- what one thread calls ------------------------------------------------------------------------------------

    @property
    def pause(self) -> float:
        """Seconds until the next look, if nothing is announced before."""
        if self._needed > self.sequence:
            return NEEDED if self._hasty < HASTY_LOOKS else LESS_HASTY
        return CALM if self.sequence else FIRST

    def look(self) -> tuple[Champion, T] | None:
        """The registry's champion, loaded, if it is newer than the one in hand. Raises nothing."""
        self._hasty += self._needed > self.sequence
        for _ in range(OVERTAKEN):
            champion: Champion | None = None
            try:
                champion = self._registry.champion()
                self._check(champion)
                loaded = self._loaded(champion)
            except Exception as error:
                # Whatever a damaged file or a missing library raises (ValueError and RuntimeError for a file that is
                # no model, ImportError where TensorFlow is asked for and absent): the next version must be looked for.
                if self._overtaken(champion):
                    continue  # its files may have been removed while they were read
                self._complain(champion, error)
                return None
            if champion is None or loaded is None:
                return None
            self.sequence = champion.sequence
            self._broken = None
            self._well()
            log.info("version ready", version=champion.version, sequence=champion.sequence)
            return champion, loaded
        return None

    def _check(self, champion: Champion | None) -> None:
        """Raises RegistryError for a registry that has lost what this service has seen in it."""
        newest = champion.sequence if champion else 0
        self._compare(champion)
        where = f"registry {self._registry.location}"
        if champion is None and self.sequence:
            raise Missing(f"{where}: champion.json is gone")
        if newest < self.sequence:
            raise _Older(f"{where}: champion.json holds change {newest}, and change {self.sequence} was seen there")

    def _loaded(self, champion: Champion | None) -> T | None:
        if champion is None or champion.sequence == self.sequence:
            self._well()
            return None
        if self._broken == (champion.sequence, self._registry.fingerprint(champion.version)):
            return None  # the very files that could not be loaded
        manifest = self._registry.manifest(champion.version)
        if manifest.model_hash != self._spec.model_hash:
            raise _Unfit(
                f"version {champion.version} was built for another specification (task, classes or features differ)"
            )
        return self._load(manifest)

    def _overtaken(self, champion: Champion | None) -> bool:
        if champion is None:
            return False
        try:
            now = self._registry.champion()
        except RegistryError:
            return False
        return now is not None and now.sequence > champion.sequence

    # -- what is said, once ---------------------------------------------------------------------------------------

    def _well(self) -> None:
        """The registry's champion is in hand, or there is none yet."""
        if self._needed > self.sequence:
            self.trouble = (
                f"champion {self._needed} is needed, and the newest in registry {self._registry.location} is "
                f"{self.sequence}"
            )
            self._count("behind")
            if self._say("behind", self._needed):
                log.warning("the registry is behind what another member has answered with", error=self.trouble)
        elif self._said:
            self._said, self.trouble = (), None
            log.info("the registry is well again", sequence=self.sequence)

    def _complain(self, champion: Champion | None, error: Exception) -> None:
        cause = error.cause if isinstance(error, RegistryError) else "load"
        said = str(error) if isinstance(error, DriftlineError) else repr(error)
        self._broken = self._lasting(champion, cause, error)
        self.trouble = said
        self._count(cause)
        sequence, version = (champion.sequence, champion.version) if champion else (0, 0)
        if self._say(cause, sequence, self._broken):
            log.error(
                "champion cannot be loaded; the one in service stays",
                error=said,
                cause=cause,
                version=version,
                sequence=sequence,
                in_service=self.sequence,
            )
            self._failed(version)

    def _lasting(self, champion: Champion | None, cause: str, error: Exception) -> tuple[int, str] | None:
        """The files that are to blame, if trying again is of no use until they change."""
        passing = cause in ("unreachable", "missing", "older") or isinstance(error, OSError | MemoryError)
        if champion is None or passing:
            return None
        try:
            return champion.sequence, self._registry.fingerprint(champion.version)
        except RegistryError:
            return None

    def _compare(self, champion: Champion | None) -> None:
        """Hold what an event said against the registry: the event is only a nudge."""
        event, self._announced = self._announced, None
        if event is None:
            return
        newest = champion.sequence if champion else 0
        kind = None
        if event.sequence > newest:
            kind = "ahead"
        elif champion is not None and event.sequence == newest and event.version != champion.version:
            kind = "contradicting"
        if kind is None or self._odd == (event.sequence, event.version):
            return
        self._odd = (event.sequence, event.version)
        if self._metrics:
            self._metrics.odd_event(kind)
        times = self._sparing.times(kind) if self._sparing else 1
        if not times:
            return
        log.warning(
            "a model event does not agree with the registry, which is believed",
            kind=kind,
            since_the_last_such_line=times,
            version=event.version,
            sequence=event.sequence,
            registry_version=champion.version if champion else None,
            registry_sequence=newest,
        )

    def _say(self, *what: object) -> bool:
        new, self._said = what != self._said, what
        return new

    def _count(self, cause: str) -> None:
        if self._metrics:
            self._metrics.failed(cause)
