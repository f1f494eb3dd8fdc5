"""Concept drift: is the model wrong more often than it was, since when, and how surely?"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from driftline.spec.monitoring import ConceptDriftSpec
from monitoring.budget import SPAN, START, Budget, concept_level
from monitoring.concept.changepoint import (
    NOTHING_KNOWN,
    Baseline,
    Split,
    best_splits,
    clear_log_ratio,
    known_split,
    surely_worse,
)
from monitoring.concept.detectors import make_trigger
from monitoring.concept.finding import ConceptFinding, ConceptState
from monitoring.labels.history import Moment
from monitoring.store.ledger import Ledger
from monitoring.store.rolling import Rolling

# Outcomes that river's detectors get between two looks. The answer may come this much late; at one by one, each
# suspicion would cost a search.
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

    Our own detector (`spec.detector: e-detector`) is within the budget of false alarms by itself: when it rings for a
    rise, that is told. River's detectors only ring the bell; what they rang for must be clear at the budget's level in
    the maximum-likelihood split of the outcomes kept (`monitoring.concept.changepoint`). The split says where the rise
    began and how large it is, which decides the severity: an alarm from `spec.minimum_effect` up, else a warning.

    What is known from the held-out rows stands before the first outcome, to the detector as history and to the
    split as counts. So a model that was never as good as its evaluation said is found, with its first outcome as
    onset; that takes an excess of `minimum_effect`, because an evaluation is seldom exact.

    After a finding the monitor is silent, but for a warning that grows into an alarm, until it is made anew for
    another version or the error rate has come, by a standard error, more than half the way back over `cool_down`
    outcomes.

    Parameters
    ----------
    spec : the concept section.
    capacity : most outcomes the onset is looked for in.
    cool_down : outcomes over which a recovery must hold.
    error_rate, held_out_rows : what the evaluation measured.
    share : false alarms per outcome, the part of the budget that is for concept drift.

    >>> rng = np.random.default_rng(1)
    >>> wrong = np.concatenate([rng.random(1_000) < 0.1, rng.random(500) < 0.6])
    >>> monitor = ConceptMonitor(ConceptDriftSpec(), 20_000, 500, error_rate=0.1, held_out_rows=200)
    >>> findings = monitor.update(wrong, np.arange(1_500), np.arange(1_500))
    >>> [(f.severity, f.onset.number, round(f.error_before, 2)) for f in findings]
    [('alarm', 997, 0.09)]
    """

    def __init__(
        self,
        spec: ConceptDriftSpec,
        capacity: int,
        cool_down: int,
        error_rate: float = 0.0,
        held_out_rows: int = 0,
        share: float = Budget.concept,
    ) -> None:
        self._spec = spec
        self._share = share
        self._level = concept_level(spec, share)
        self._cool_down = max(cool_down, 100)
        self._rows = Rolling(capacity, wrong=np.bool_, time=np.int64, number=np.int64)
        rows = min(held_out_rows, _BASELINE_ROWS)
        self._baseline = Baseline(float(rows), rows * error_rate) if rows else NOTHING_KNOWN
        self._trigger = make_trigger(spec, share)
        self._warm_up(self._trigger.memory)
        self._active = 0
        self._ringing = False
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
        findings, start, n = [], 0, len(wrong)
        while start < n:
            taken, finding = self._take(wrong[start:], times[start:], numbers[start:])
            start += taken
            if finding is not None:
                findings.append(finding)
        return findings

    def inherit(self, former: "ConceptMonitor") -> None:
        """Begin with what the monitor of the version before has learnt of the stream: how far errors hang together."""
        self._trigger.inherit(former._trigger)

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
            ringing=self._ringing,
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
        self._standing, self._since_finding, self._ringing = state.standing, state.since_finding, state.ringing
        self._trigger = make_trigger(self._spec, self._share)
        if self._trigger.restore(state.trigger):
            return True
        self._warm_up(self._trigger.memory)
        reach = min(self._trigger.reach or self._active, self._active)
        if self._trigger.update(self._rows["wrong"][len(self._rows) - reach :]):
            # It rang for something among the outcomes kept: that is judged with the next outcome.
            self._suspicion, self._suspected, self._next_look = _SUSPICION, 0, 0
        return False

    def _take(
        self, wrong: NDArray[np.bool_], times: NDArray[np.int64], numbers: NDArray[np.int64]
    ) -> tuple[int, ConceptFinding | None]:
        """Take outcomes up to the next at which something is decided; how many, and what was found."""
        if self._trigger.proven and self._suspicion > 0:
            self._suspicion = 0
            return 0, self._rang()
        if self._standing is not None:
            n = min(_FOLLOW - self._since_finding % _FOLLOW, len(wrong))
            self._append(wrong[:n], times[:n], numbers[:n])
            return n, self._follow(self._standing, n)
        if not self._trigger.proven:
            wrong = wrong[: _CHUNK - self._rows.total % _CHUNK]
        bad = self._surely_bad(wrong)
        wrong = wrong[: len(wrong) if bad is None else bad + 1]
        rang = self._trigger.until_ring(wrong) if self._trigger.proven else None
        n = len(wrong) if rang is None else rang + 1
        self._append(wrong[:n], times[:n], numbers[:n])
        if bad is not None and n == bad + 1:
            return n, self._rose()
        if self._trigger.proven:
            return n, None if rang is None else self._rang()
        self._ringing |= self._trigger.update(wrong)
        return n, None if self._rows.total % _CHUNK else self._suspect()

    def _append(self, wrong: NDArray[np.bool_], times: NDArray[np.int64], numbers: NDArray[np.int64]) -> None:
        self._rows.append(wrong=wrong, time=times, number=numbers)
        self._active = min(self._active + len(wrong), len(self._rows))

    def _surely_bad(self, wrong: NDArray[np.bool_]) -> int | None:
        """The outcome at which it is sure that the model was bad from its first answer on, by `minimum_effect`.

        One question, asked over and over, instead of one for every possible onset: so it takes less evidence.
        """
        n = self._active
        if not self._baseline.rows or n >= SPAN:
            return None
        errors = int(np.count_nonzero(self._rows["wrong"][-n:])) if n else 0
        level, effect = START * self._level, max(self._spec.minimum_effect, 1e-9)
        return surely_worse(
            wrong[: SPAN - n], n, errors, self._baseline, level, effect, dependence=self._trigger.dependence
        )

    def _suspect(self) -> ConceptFinding | None:
        """After a chunk of outcomes: is there anything clear in what an unproven ring was for?"""
        if self._ringing:
            if self._suspicion <= 0:
                self._suspected, self._next_look = 0, 0
            self._suspicion, self._ringing = _SUSPICION, False
        if self._suspicion <= 0:
            return None
        self._suspicion -= _CHUNK
        self._suspected += _CHUNK
        if self._suspected < self._next_look:
            return None
        self._next_look = self._suspected + min(self._suspected // _PATIENCE, _LONGEST_PAUSE)
        wrong, _, _ = self._segment()
        rise, fall = best_splits(wrong, self._baseline)
        if rise is not None and self._clear(rise):
            return self._rose()
        if fall is not None and fall.index and self._clear(fall):
            self._start_from(len(wrong) - fall.index)
        return None

    def _rang(self) -> ConceptFinding | None:
        """A ring that is proof enough: what was it for?"""
        if self._trigger.rose:
            return self._rose(self._trigger.e_value)
        # A model that got better is no drift, but what it was before would hide a later rise.
        wrong, _, _ = self._segment()
        _, fall = best_splits(wrong, self._baseline)
        self._start_from(len(wrong) - (fall.index if fall is not None else 0))
        return None

    def _rose(self, e_value: float | None = None) -> ConceptFinding | None:
        """There is a rise: since when, and is it worth telling?"""
        wrong, times, numbers = self._segment()
        split, _ = best_splits(wrong, self._baseline)
        if self._baseline.rows and len(wrong):
            # A version of which nothing is right is found out before there are outcomes enough to look for an onset.
            whole = known_split(int(wrong.sum()), len(wrong), self._baseline)
            if whole.after > whole.before and (split is None or split.log_ratio < whole.log_ratio + _LIKELIER):
                split = whole
        if split is None:
            self._start_from(len(wrong))
            return None
        if split.index == 0 and split.after - split.before < self._spec.minimum_effect:
            # The held-out rows were a little easier than the stream: it is measured by itself from now on.
            self._start_from(len(wrong))
            return None
        return self._found(split, times, numbers, e_value=e_value)

    def _found(
        self,
        split: Split,
        times: NDArray[np.int64],
        numbers: NDArray[np.int64],
        *,
        e_value: float | None,
        escalated: bool = False,
    ) -> ConceptFinding:
        effect = split.after - split.before
        self._suspicion = 0
        self._since_finding = 0
        self._standing = ConceptFinding(
            severity="alarm" if effect >= self._spec.minimum_effect else "warning",
            onset=Moment(int(times[split.index]), int(numbers[split.index])),
            error_before=split.before,
            error_after=split.after,
            log_ratio=split.log_ratio,
            labelled=split.n_after,
            whole_life=split.index == 0,
            escalated=escalated,
            e_value=e_value,
        )
        return self._standing

    def _follow(self, standing: ConceptFinding, n: int) -> ConceptFinding | None:
        looked = self._since_finding // _FOLLOW
        self._since_finding += n
        if self._since_finding // _FOLLOW == looked:
            return None
        if self._since_finding >= self._cool_down:
            recent = float(self._rows["wrong"][-self._cool_down :].mean())
            middle = (standing.error_before + standing.error_after) / 2
            # A small rise comes more than half the way back by chance, now and then.
            if recent <= middle - math.sqrt(middle * (1.0 - middle) / self._cool_down):
                self._recovered()
                return None
        if standing.severity == "alarm":
            return None
        wrong, times, numbers = self._segment()
        split, _ = best_splits(wrong, self._baseline)
        if split is None or not self._clear(split) or split.after - split.before < self._spec.minimum_effect:
            return None
        return self._found(split, times, numbers, e_value=standing.e_value, escalated=True)

    def _recovered(self) -> None:
        """The rise is over: what came since is the new normal, and the next change is an event of its own."""
        self._standing = None
        self._start_from(self._cool_down)

    def _start_from(self, newest: int) -> None:
        self._active = min(newest, len(self._rows))
        self._baseline = NOTHING_KNOWN
        self._suspicion = 0
        self._ringing = False
        self._trigger.forget()
        self._trigger.learn(self._rows["wrong"][len(self._rows) - self._active :][-self._trigger.memory :])

    def _clear(self, split: Split) -> bool:
        return split.log_ratio >= clear_log_ratio(split.n_before + split.n_after, self._level)

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
        self._trigger.learn(np.random.default_rng(0).permutation(history), in_order=False)
