"""Concept drift: is the model wrong more often than it was, since when, and how surely?"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from driftline.spec.monitoring import ConceptDriftSpec
from monitoring.changepoint import (
    NOTHING_KNOWN,
    Baseline,
    Split,
    best_splits,
    clear_log_ratio,
    clear_log_ratio_of_one,
    known_split,
)
from monitoring.detectors import make_trigger
from monitoring.finding import ConceptFinding, ConceptState
from monitoring.history import Moment
from monitoring.ledger import Ledger
from monitoring.rolling import Rolling

# Outcomes taken at once. The answer may come this much late; at one by one, each suspicion would cost a search.
_CHUNK = 16
# How long a trigger's suspicion lasts. River's detectors forget the past when they ring, so if the evidence is not
# clear yet, nobody else is watching; a rise of 8 points from .10 is clear after some 900 outcomes.
_SUSPICION = 2_000
# The longer a suspicion lasts, the smaller is the change and the rarer the looks: after a quarter more outcomes, but at
# least every 128. A detector that always rings (EDDM does) would otherwise cost a search of 20,000 rows every 16.
_PATIENCE = 4
_LONGEST_PAUSE = 128
# The held-out rows are other rows than the stream's, so however many there were, they weigh as much as this many.
_BASELINE_ROWS = 1_000
# An onset inside the stream must be this much likelier (nats; a factor of 20) than one at its beginning. A change
# point is a free parameter, and fits noise: without this, a model bad from the start is said to turn bad at row 35.
_LIKELIER = 3.0
# While an event stands, it is looked at again after this many outcomes.
_FOLLOW = 64


class ConceptMonitor:
    """Watches the outcomes of one model version.

    Three steps. One of river's detectors (`spec.detector`) rings when the error rate may have changed. The
    maximum-likelihood split of the outcomes kept then says where, in which direction, and how clearly
    (`monitoring.changepoint`); only a rise that is clear at `spec.confidence` is told. Its size decides the
    severity: an alarm from `spec.minimum_effect` up, else a warning.

    What is known from the held-out rows stands before the first outcome, to the detector as a warm-up and to the
    split as counts. So a model that was never as good as its evaluation said is found, with its first outcome as
    onset; that takes an excess of `minimum_effect`, because an evaluation is seldom exact.

    After a finding the monitor is silent, but for a warning that grows into an alarm, until it is made anew for
    another version or the error rate has come more than half the way back over `cool_down` outcomes.

    Parameters
    ----------
    spec : the concept section.
    capacity : most outcomes the onset is looked for in.
    cool_down : outcomes over which a recovery must hold.
    error_rate, held_out_rows : what the evaluation measured.

    >>> rng = np.random.default_rng(1)
    >>> wrong = np.concatenate([rng.random(1_000) < 0.1, rng.random(500) < 0.6])
    >>> monitor = ConceptMonitor(ConceptDriftSpec(), 20_000, 500, error_rate=0.1, held_out_rows=200)
    >>> findings = monitor.update(wrong, np.arange(1_500), np.arange(1_500))
    >>> [(f.severity, f.onset.number, round(f.error_before, 2)) for f in findings]
    [('alarm', 997, 0.09)]
    """

    def __init__(
        self, spec: ConceptDriftSpec, capacity: int, cool_down: int, error_rate: float = 0.0, held_out_rows: int = 0
    ) -> None:
        self._spec = spec
        self._cool_down = max(cool_down, 100)
        self._rows = Rolling(capacity, wrong=np.bool_, time=np.int64, number=np.int64)
        rows = min(held_out_rows, _BASELINE_ROWS)
        self._baseline = Baseline(float(rows), rows * error_rate) if rows else NOTHING_KNOWN
        self._trigger = make_trigger(spec)
        self._warm_up(self._trigger.memory)
        self._active = 0
        self._suspicion = 0
        self._suspected = 0
        self._next_look = 0
        self._standing: ConceptFinding | None = None
        self._since_finding = 0

    @property
    def detector(self) -> str:
        return self._trigger.name

    @property
    def standing(self) -> ConceptFinding | None:
        """The finding that is not over."""
        return self._standing

    @property
    def suspecting(self) -> bool:
        """The detector rang and the evidence is not clear yet."""
        return self._suspicion > 0

    @property
    def error_rate(self) -> float:
        """Error rate since the last change that was found; nan before the first outcome."""
        wrong = self._segment()[0]
        if self._standing is not None:
            wrong = wrong[-min(self._since_finding + self._standing.labelled, len(wrong)) :]
        return float(wrong.mean()) if len(wrong) else float("nan")

    def update(
        self, wrong: NDArray[np.bool_], times: NDArray[np.int64], numbers: NDArray[np.int64]
    ) -> list[ConceptFinding]:
        """Take outcomes in order of arrival.

        Parameters
        ----------
        wrong : bool [n].
        times : event times, int64 [n]; the onset is looked for in their order.
        numbers : the caller's own ascending numbers, int64 [n], by which the onset is named.
        """
        findings = []
        for start in range(0, len(wrong), _CHUNK):
            part = slice(start, start + _CHUNK)
            finding = self._take(wrong[part], times[part], numbers[part])
            if finding is not None:
                findings.append(finding)
        return findings

    def snapshot(self, ledger: Ledger) -> ConceptState:
        """Put the parts concept/0, concept/1 … into the ledger, as far as they changed."""
        return ConceptState(
            rows=self._rows.snapshot(ledger, "concept"),
            baseline=self._baseline,
            trigger=self._trigger.snapshot(),
            active=self._active,
            suspicion=self._suspicion,
            suspected=self._suspected,
            next_look=self._next_look,
            standing=self._standing,
            since_finding=self._since_finding,
        )

    def restore(self, state: ConceptState, parts: Mapping[str, bytes]) -> bool:
        """Become what a snapshot said; this monitor must be new.

        Returns
        -------
        False if the detector is not the one of the snapshot, or its state could not be taken. Then it is made anew and
        shown the outcomes kept, so that it knows them too.

        Raises
        ------
        DamagedState : outcomes are missing.
        """
        self._rows.restore(state.rows, parts, "concept")
        self._active = min(state.active, len(self._rows))
        self._baseline = state.baseline
        self._suspicion, self._suspected, self._next_look = state.suspicion, state.suspected, state.next_look
        self._standing, self._since_finding = state.standing, state.since_finding
        self._trigger = make_trigger(self._spec)
        if self._trigger.restore(state.trigger):
            return True
        self._warm_up(self._trigger.memory)
        reach = min(self._trigger.reach or self._active, self._active)
        if self._trigger.update(self._rows["wrong"][len(self._rows) - reach :]):
            # It rang for something among the outcomes kept: a search costs little, and tells only what is clear.
            self._suspicion, self._suspected, self._next_look = _SUSPICION, 0, 0
        return False

    def _take(
        self, wrong: NDArray[np.bool_], times: NDArray[np.int64], numbers: NDArray[np.int64]
    ) -> ConceptFinding | None:
        self._rows.append(wrong=wrong, time=times, number=numbers)
        self._active = min(self._active + len(wrong), len(self._rows))
        if self._standing is not None:
            return self._follow(self._standing, len(wrong))
        if self._trigger.update(wrong):
            if self._suspicion <= 0:
                self._suspected, self._next_look = 0, 0
            self._suspicion = _SUSPICION
        if self._suspicion > 0:
            self._suspicion -= len(wrong)
            self._suspected += len(wrong)
            if self._suspected >= self._next_look:
                self._next_look = self._suspected + min(self._suspected // _PATIENCE, _LONGEST_PAUSE)
                return self._judge()
        return self._judge() if self._bad_from_start() else None

    def _judge(self) -> ConceptFinding | None:
        """Is there a clear rise in what is kept?"""
        wrong, times, numbers = self._segment()
        split, fall = best_splits(wrong, self._baseline)
        bad_from_start = self._bad_from_start()
        if split is None or not (bad_from_start or self._clear(split)):
            if fall is not None and fall.index and self._clear(fall):
                # A model that got better is no drift, but what it was before would hide a later rise.
                self._start_from(len(wrong) - fall.index)
            return None
        if bad_from_start and split.log_ratio < bad_from_start.log_ratio + _LIKELIER:
            split = bad_from_start
        effect = split.after - split.before
        whole_life = split.index == 0
        if whole_life and effect < self._spec.minimum_effect:
            return None
        self._suspicion = 0
        self._since_finding = 0
        self._standing = ConceptFinding(
            severity="alarm" if effect >= self._spec.minimum_effect else "warning",
            onset=Moment(int(times[split.index]), int(numbers[split.index])),
            error_before=split.before,
            error_after=split.after,
            log_ratio=split.log_ratio,
            labelled=split.n_after,
            whole_life=whole_life,
            escalated=False,
        )
        return self._standing

    def _bad_from_start(self) -> Split | None:
        """All outcomes against the evaluation, if they are clearly and by `minimum_effect` worse.

        One question, asked over and over, instead of one for every possible onset: so it takes less evidence.
        """
        rows, n = self._baseline.rows, self._active
        if not rows or n < _CHUNK:
            return None
        errors = int(np.count_nonzero(self._rows["wrong"][-n:]))
        before, after = self._baseline.errors / rows, errors / n
        if after - before < self._spec.minimum_effect:
            return None
        split = known_split(errors, n, self._baseline)
        return split if split.log_ratio >= clear_log_ratio_of_one(n, self._spec.confidence) else None

    def _follow(self, standing: ConceptFinding, n: int) -> ConceptFinding | None:
        looked = self._since_finding // _FOLLOW
        self._since_finding += n
        if self._since_finding // _FOLLOW == looked:
            return None
        if self._since_finding >= self._cool_down:
            recent = float(self._rows["wrong"][-self._cool_down :].mean())
            if recent <= (standing.error_before + standing.error_after) / 2:
                self._recovered()
                return None
        if standing.severity == "alarm":
            return None
        wrong, times, numbers = self._segment()
        split, _ = best_splits(wrong, self._baseline)
        if split is None or not self._clear(split) or split.after - split.before < self._spec.minimum_effect:
            return None
        self._standing = ConceptFinding(
            severity="alarm",
            onset=Moment(int(times[split.index]), int(numbers[split.index])),
            error_before=split.before,
            error_after=split.after,
            log_ratio=split.log_ratio,
            labelled=split.n_after,
            whole_life=split.index == 0,
            escalated=True,
        )
        self._since_finding = 0
        return self._standing

    def _recovered(self) -> None:
        """The rise is over: what came since is the new normal, and the next change is an event of its own."""
        self._standing = None
        self._start_from(self._cool_down)

    def _start_from(self, newest: int) -> None:
        self._active = min(newest, len(self._rows))
        self._baseline = NOTHING_KNOWN
        self._suspicion = 0
        self._trigger = make_trigger(self._spec)
        self._trigger.update(self._rows["wrong"][len(self._rows) - self._active :][-self._trigger.memory :])

    def _clear(self, split: Split) -> bool:
        return split.log_ratio >= clear_log_ratio(split.n_before + split.n_after, self._spec.confidence)

    def _segment(self) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
        """Outcomes since the last change, by event time, then by arrival."""
        start = len(self._rows) - self._active
        wrong, times, numbers = (self._rows[name][start:] for name in ("wrong", "time", "number"))
        if len(times) > 1 and (np.diff(times) < 0).any():
            order = np.argsort(times, kind="stable")
            return wrong[order], times[order], numbers[order]
        return wrong, times, numbers

    def _warm_up(self, memory: int) -> None:
        """Show the detector a history as the evaluation describes it: its counts, in a fixed random order."""
        rows = int(min(self._baseline.rows, memory))
        if not rows:
            return
        history = np.zeros(rows, dtype=np.bool_)
        history[: round(rows * self._baseline.errors / self._baseline.rows)] = True
        self._trigger.update(np.random.default_rng(0).permutation(history))
