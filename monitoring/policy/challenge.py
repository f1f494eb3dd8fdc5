"""Whether the version in service is out of date though no change was proven: what do the newest records teach?"""

from collections.abc import Callable

import msgspec

from monitoring.policy.ask import Ask

# A look that found nothing is taken again after twice as long, up to this many times the first interval.
_MOST_TIMES = 4


class Challenge(msgspec.Struct):
    """The looks at one version; a snapshot keeps it as it is.

    A detector needs a rise of the error rate. A version that never was good, a world that moves too slowly, or errors
    that come in runs give none, and still the newest records may teach a better model. So a version below its target
    is challenged from time to time; the trainer first makes sure, in a fraction of a second, that there is something
    to gain.

    Parameters
    ----------
    version : in service.
    at : labelled records of the stream from which on the next look is due.
    every : labelled records between looks, as they are now.
    seen, right : outcomes and right ones of the version when the interval began.
    """

    version: int
    at: int
    every: int
    seen: int
    right: int

    @classmethod
    def of(cls, version: int, labelled: int, every: int, record: Callable[[int], tuple[int, int]]) -> "Challenge":
        """Of a version that is new in service, `labelled` labelled records into the stream."""
        return cls(version, labelled + every, every, *record(version))

    def due(
        self, labelled: int, first: int, target: float, window: int, record: Callable[[int], tuple[int, int]]
    ) -> Ask | None:
        """The challenge to ask for, if it is time and the version fell short of `target` since the last.

        Parameters
        ----------
        first : `challenge_records` of the specification.
        window : newest labelled records that a model would be made of.
        record : outcomes of a version so far, and the right ones.
        """
        if labelled < self.at:
            return None
        seen, right = record(self.version)
        n, good = seen - self.seen, right - self.right
        if n < first:
            # Labels lag behind: its own records are what counts.
            self.at = labelled + first - n
            return None
        self.seen, self.right, self.at = seen, right, labelled + self.every
        if good >= target * n:
            return None
        said = (
            f"version {self.version} answered {good / n:.3f} of its newest {n} labelled records rightly, below "
            f"target_accuracy ({target:g}); no change is proven. Do the newest records teach a better model?"
        )
        # Its number is where the stream stands: the same in a replay, another at every look.
        return Ask(None, labelled, "challenge", f"challenge of version {self.version}", said, None, window)

    def withstood(self, labelled: int, first: int) -> None:
        """The version stays: the next look is later."""
        self.every = min(self.every * 2, first * _MOST_TIMES)
        self.at = labelled + self.every
