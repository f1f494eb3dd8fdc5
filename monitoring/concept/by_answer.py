"""Concept drift that one answer shows and all together hide: is the model wrong more often where it says so?"""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftline.spec.monitoring import ConceptDriftSpec
from monitoring.budget import Budget, concept_rate
from monitoring.concept.changepoint import Baseline, best_splits, known_split
from monitoring.concept.detector_state import DetectorState
from monitoring.concept.e_detector import EDetector
from monitoring.concept.finding import ConceptFinding
from monitoring.labels.history import Moment
from monitoring.store.ledger import Ledger
from monitoring.store.rolling import Rolling, RollingState

# Answers that are watched, in the order of their first coming: state is kept for each.
_MOST_ANSWERS = 64
# A rise is over when this many outcomes of the answer in a row are halfway back.
_RECOVERY = 100

# What an answer's ring was for must be this much likelier (nats; a factor of 20) than that fewer of its class come.
_CLEARLY = 3.0


class AnswersState(msgspec.Struct):
    """The small things of an answer monitor; its outcomes are in parts of their own."""

    rows: RollingState
    detectors: dict[int, DetectorState]
    active: int
    standing: ConceptFinding | None
    since_finding: int


class AnswerMonitor:
    """Watches the outcomes of one model version, those of each answer by themselves.

    If one class comes to mean another, the error rate of all records may hardly rise, or fall; but where the model
    still gives the old answer it is wrong nearly always. One e-detector an answer sees that within some ten of its
    outcomes. It rings by mistake at most once in 1 / rate of its own outcomes, and every outcome belongs to one
    answer: so all of them together ring at most once in 1 / rate outcomes, however many answers there are.

    An answer of a class of which fewer records come is wrong more often as well; that is drift of the class mix, and
    not told here.

    After a finding it is silent until the error of that answer has come more than half the way back, or the model has
    hardly given it in `capacity` outcomes.

    Parameters
    ----------
    spec : the concept section.
    capacity : most outcomes the onset is looked for in.
    share : false alarms per outcome, the part of the budget that is for this.

    >>> rng = np.random.default_rng(1)
    >>> answered, wrong = rng.integers(0, 10, 4_000), rng.random(4_000) < 0.3
    >>> wrong[(answered == 7) & (np.arange(4_000) >= 3_000)] = True
    >>> monitor = AnswerMonitor(ConceptDriftSpec(), 20_000)
    >>> found = monitor.update(wrong, answered, np.arange(4_000), np.arange(4_000))
    >>> found.severity, found.answer, found.onset.number
    ('alarm', 7, 3008)
    """

    def __init__(self, spec: ConceptDriftSpec, capacity: int, share: float = Budget.answers) -> None:
        self._spec = spec
        self._capacity = capacity
        self._rate = concept_rate(spec, share)
        self._rows = Rolling(capacity, wrong=np.bool_, answer=np.int64, time=np.int64, number=np.int64)
        self._standing: ConceptFinding | None = None
        self._since_finding = 0
        self._detectors: dict[int, EDetector] = {}
        self._active = 0

    @property
    def standing(self) -> ConceptFinding | None:
        """The finding that is not over."""
        return self._standing

    def update(
        self,
        wrong: NDArray[np.bool_],
        answered: NDArray[np.int64],
        times: NDArray[np.int64],
        numbers: NDArray[np.int64],
    ) -> ConceptFinding | None:
        """Take outcomes in order of arrival.

        Parameters
        ----------
        wrong : bool [n].
        answered : class codes int64 [n].
        times, numbers : as for `monitoring.concept.ConceptMonitor.update`.
        """
        n = len(wrong)
        self._rows.append(wrong=wrong, answer=answered, time=times, number=numbers)
        self._active = min(self._active + n, len(self._rows))
        if self._standing is not None:
            self._follow(self._standing, n)
            return None
        rows = {code: self._rings(code, wrong, answered) for code in np.unique(answered).tolist()}
        for row, code in sorted((row, code) for code, row in rows.items() if row is not None):
            finding = self._found(code, n - row - 1)
            if finding is not None:
                return finding
        return None

    def forget(self) -> None:
        """The change is known: what comes from now on is another world."""
        self._standing = None
        self._detectors = {}
        self._active = 0

    def snapshot(self, ledger: Ledger) -> AnswersState:
        """Put the parts answers/0, answers/1 … into the ledger, as far as they changed."""
        return AnswersState(
            rows=self._rows.snapshot(ledger, "answers"),
            detectors={code: detector.snapshot() for code, detector in self._detectors.items()},
            active=self._active,
            standing=self._standing,
            since_finding=self._since_finding,
        )

    def restore(self, state: AnswersState, parts: Mapping[str, bytes]) -> None:
        """Become what a snapshot said; this monitor must be new.

        A detector of another rate or version begins anew.

        Raises
        ------
        DamagedState : outcomes are missing.
        """
        self._rows.restore(state.rows, parts, "answers")
        self._active = min(state.active, len(self._rows))
        self._standing, self._since_finding = state.standing, state.since_finding
        for code, kept in state.detectors.items():
            detector = EDetector(self._rate)
            if detector.restore(kept):
                self._detectors[code] = detector

    def _rings(self, code: int, wrong: NDArray[np.bool_], answered: NDArray[np.int64]) -> int | None:
        """The row at which the detector of an answer rings for a rise."""
        detector = self._detectors.get(code)
        if detector is None:
            if len(self._detectors) >= _MOST_ANSWERS:
                return None
            detector = self._detectors[code] = EDetector(self._rate)
        own = np.flatnonzero(answered == code)
        start = 0
        while (rang := detector.until_ring(wrong[own[start:]])) is not None:
            start += rang + 1
            if detector.rose:
                return int(own[start - 1])
        return None

    def _found(self, code: int, later: int) -> ConceptFinding | None:
        """What the ring for an answer was for, `later` outcomes ago."""
        end = len(self._rows) - later
        start = len(self._rows) - self._active
        own = start + np.flatnonzero(self._rows["answer"][start:end] == code)
        times = self._rows["time"][own]
        if len(times) > 1 and (np.diff(times) < 0).any():
            own = own[np.argsort(times, kind="stable")]
        split, _ = best_splits(self._rows["wrong"][own])
        if split is None or not self._more_often(code, int(own[split.index]), start, end):
            del self._detectors[code]
            return None
        onset = own[split.index]
        finding = ConceptFinding(
            severity="alarm" if split.after - split.before >= self._spec.minimum_effect else "warning",
            onset=Moment(int(self._rows["time"][onset]), int(self._rows["number"][onset])),
            error_before=split.before,
            error_after=split.after,
            log_ratio=split.log_ratio,
            labelled=split.n_after,
            whole_life=False,
            escalated=False,
            answer=code,
        )
        self.forget()
        self._standing, self._since_finding, self._active = finding, later, later
        return finding

    def _more_often(self, code: int, onset: int, start: int, end: int) -> bool:
        """Whether the answer is given wrongly more often, and not only rightly less often.

        If fewer records of a class come, its answers are wrong more often though the model is as good as before: that
        is drift of the class mix. Among the outcomes that are not right answers of this class, it is given no more
        often then.
        """
        after = np.arange(start, end) >= onset
        given = self._rows["answer"][start:end] == code
        others = ~given | self._rows["wrong"][start:end]
        counts = [(int((given & others & side).sum()), int((others & side).sum())) for side in (~after, after)]
        (errors, rows), (later_errors, later_rows) = counts
        if not rows or not later_rows:
            return True
        split = known_split(later_errors, later_rows, Baseline(float(rows), float(errors)))
        return split.after > split.before and split.log_ratio >= _CLEARLY

    def _follow(self, standing: ConceptFinding, n: int) -> None:
        self._since_finding += n
        since = min(self._since_finding, len(self._rows))
        newest = slice(len(self._rows) - since, None)
        own = self._rows["wrong"][newest][self._rows["answer"][newest] == standing.answer]
        if len(own) < _RECOVERY:
            if since == self._capacity:
                # The model hardly says it any more: nothing will ever show that it is right again.
                self.forget()
            return
        if own[-_RECOVERY:].mean() <= (standing.error_before + standing.error_after) / 2:
            self.forget()
