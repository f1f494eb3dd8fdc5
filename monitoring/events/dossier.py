"""All that is known of a drift at one moment, as fields of its event."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from driftline.records.loop import BlamedPart, DriftEvent, DriftKind
from driftline.registry.reference import FeatureReference, Reference
from driftline.spec.stream import StreamSpec
from monitoring.concept.finding import ConceptFinding
from monitoring.distribution.layout import Layout
from monitoring.distribution.recurrence import resembles
from monitoring.distribution.stretch import BlockFinding, Current
from monitoring.events.breakdown import Breakdown, break_down, onset_of_others
from monitoring.events.confined import Judgement
from monitoring.events.course import confusions, shape_of_blocks, shape_of_outcomes
from monitoring.labels.casebook import Cases
from monitoring.labels.history import Moment
from monitoring.watch import Watch

_NAMED = 3
# Error now is that of the newer half of what came since the onset, but of at least this many outcomes.
_FEWEST_NOW = 100


class Dossier:
    """Answers what is known now; what is to be known again later it leaves with the watch.

    Parameters
    ----------
    spec : the stream.
    watch : the detectors and what they kept.
    values : of each segment that is a feature, the names of its values by code.
    earlier : references of versions watched before, the newest last.
    """

    def __init__(
        self, spec: StreamSpec, watch: Watch, values: Sequence[Sequence[str]], earlier: Sequence[Reference]
    ) -> None:
        self._spec, self._watch, self._values = spec, watch, values
        self._earlier: list[dict[str, FeatureReference]] = [
            {feature.name: feature for feature in reference.features} for reference in earlier
        ]

    def concept(self, finding: ConceptFinding, known: DriftEvent | None, *, course: bool) -> dict[str, Any]:
        """Fields of a concept event.

        Parameters
        ----------
        known : its newest record, if it has one.
        course : whether to look for the shape too, which costs some milliseconds; else it is as known.
        """
        cases = self._watch.casebook.cases()
        reference = self._watch.reference
        rows = float(min(reference.held_out_rows, len(cases)))
        down = break_down(
            cases,
            finding.onset,
            self._spec.classes,
            self._spec.monitoring.segments,
            self._values,
            (rows, rows * reference.error_rate),
        )
        shape = known.shape if known else None
        if course:
            current = self._watch.data.window.since(finding.onset.event_time)
            found = shape_of_outcomes(cases, finding.onset, len(self._spec.classes))
            came_back = self._errs_as_before(cases, finding.onset) or (current is not None and self._recurs(current))
            shape = "recurring" if came_back else found or shape
        fields = {
            "classes": down.classes,
            "devices": down.devices,
            "segments": down.segments,
            "cause": down.cause.cause,
            "shape": shape,
            "said": _said_of_errors(down),
        }
        return _as_before(fields, known)

    def moved_on(self, finding: ConceptFinding, known: DriftEvent) -> ConceptFinding:
        """The finding from where the others' error rose, once a fault of a few devices has become more than that."""
        apart = frozenset(part.name for part in known.devices)
        return replace(finding, onset=onset_of_others(self._watch.casebook.cases(), apart, finding.onset))

    def now(self, finding: ConceptFinding) -> ConceptFinding:
        """The finding with the error as it is now."""
        cases = self._watch.casebook.cases()
        since = cases.wrong[cases.since(finding.onset)]
        if not len(since):
            return finding
        newest = since[-max(len(since) // 2, _FEWEST_NOW) :]
        return replace(finding, error_after=float(newest.mean()), labelled=len(since))

    def distribution(
        self, kind: DriftKind, finding: BlockFinding, known: DriftEvent | None, *, course: bool
    ) -> dict[str, Any]:
        """Fields of an event of another kind; see `concept`."""
        watch = self._watch
        devices: list[BlamedPart] = []
        judged = Judgement(None)
        if kind is not DriftKind.PRIOR:
            seen = watch.data.devices if kind is DriftKind.DATA else watch.prediction.devices
            judged, devices = seen.judge(finding.drifted)
        shape = known.shape if known else None
        if course:
            window = watch.window(kind)
            found = shape_of_blocks(window, finding.drifted, mixtures=kind is DriftKind.DATA)
            # A drift of pairs alone leaves every feature as it is: of that there is nothing to know again.
            recurs = (
                kind is DriftKind.DATA
                and len(finding.drifted) > 0
                and (self._recurs(finding.window) or watch.past.knows(window.layout, finding.window.counts))
            )
            shape = "recurring" if recurs else found or shape
        fields = {"devices": devices, "cause": judged.cause, "shape": shape, "said": ""}
        if kind is DriftKind.PRIOR:
            fields["classes"] = watch.prior.classes(finding)
        if judged.cause == "sensor":
            fields["said"] = _fault([part.name for part in devices], None)
        return _as_before(fields, known)

    def _errs_as_before(self, cases: Cases, onset: Moment) -> bool:
        counts = confusions(cases, onset, len(self._spec.classes))
        if counts is None:
            return False
        known = self._watch.past_errors.knows(Layout({"(confusions)": counts.tolist()}), counts)
        self._watch.past_errors.see(counts)
        return known

    def _recurs(self, current: Current) -> bool:
        data = self._watch.data
        drifted = current.judgement.drifted
        return any(
            resembles(
                data.references, data.window.layout, drifted, current, earlier, self._spec.monitoring.data.minimum_psi
            )
            for earlier in self._earlier
        )


def _as_before(fields: dict[str, Any], known: DriftEvent | None) -> dict[str, Any]:
    """Where no judgement of the cause can be made now, the one made before stands, with the devices at fault."""
    if fields["cause"] is not None or known is None or known.cause is None:
        return fields
    if known.cause == "world":
        return {**fields, "cause": "world"}
    return {
        **fields,
        "cause": "sensor",
        "devices": known.devices,
        "said": _fault([part.name for part in known.devices], None),
    }


def _said_of_errors(down: Breakdown) -> str:
    if down.cause.cause == "sensor":
        return _fault(list(down.suspects), down.others)
    worst = [*down.classes[:_NAMED], *(part for part in down.segments[:_NAMED] if part.part_of != "device_id")]
    return f" Most of all {', '.join(part.detail for part in worst)}." if worst else ""


def _fault(devices: list[str], others: int | None) -> str:
    named = ", ".join(f'"{name}"' for name in devices[:_NAMED])
    more = f" and {len(devices) - _NAMED} more" if len(devices) > _NAMED else ""
    rest = "the others are" if others is None else f"the other {others} are"
    return (
        f" Only {'device' if len(devices) == 1 else 'devices'} {named}{more} shows it, {rest} as they were: a sensor "
        "at fault, no changed world, and no reason to train."
    )
