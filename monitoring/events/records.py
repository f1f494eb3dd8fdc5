"""Findings of the detectors as drift events."""

import hashlib

from driftline.records.loop import Blame, DriftEvent, DriftKind, Position
from monitoring.concept.finding import ConceptFinding
from monitoring.distribution.stretch import BlockFinding
from monitoring.labels.history import Place

_NAMED = 3


def event_id(stream: str, kind: DriftKind, version: int, onset_record: str | None) -> str:
    """The same for the same finding, so that a replayed stream repeats its events instead of adding new ones."""
    text = f"{stream}|{kind.value}|{version}|{onset_record}"
    return f"{kind.value}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def concept_event(
    finding: ConceptFinding,
    place: Place,
    blame: list[Blame],
    *,
    stream: str,
    detector: str,
    version: int,
    detected: Position,
    now_ms: int,
    identity: str | None = None,
    answer: str | None = None,
) -> DriftEvent:
    """The event of a concept finding.

    Parameters
    ----------
    identity : the id of the event it escalates, if it does.
    answer : the class whose answers the finding is of; None for all.
    """
    since = "from its first answer on" if finding.whole_life else f"since record {place.record_id}"
    before = "held-out error" if finding.whole_life else "error"
    where = "" if answer is None else f" where it answers {answer!r}"
    named = f"; {_names(blame)} drifted too" if blame else ""
    return DriftEvent(
        event_id=identity or event_id(stream, DriftKind.CONCEPT, version, place.record_id),
        stream=stream,
        kind=DriftKind.CONCEPT,
        severity=finding.severity,
        detector=detector,
        model_version=version,
        detected_at=now_ms,
        detected=detected,
        onset=_position(place),
        evidence={
            "error_before": finding.error_before,
            "error_after": finding.error_after,
            "log_likelihood_ratio": finding.log_ratio,
            "labelled_since_onset": place.labelled,
            **({} if finding.e_value is None else {"e_value": finding.e_value}),
        },
        answer=answer,
        features=blame,
        summary=f"Model {version} is wrong more often{where} {since}: {before} {finding.error_before:.1%} → "
        f"{finding.error_after:.1%} over {finding.labelled} labelled records{named}.",
    )


def distribution_event(
    kind: DriftKind,
    finding: BlockFinding,
    blame: list[Blame],
    *,
    stream: str,
    detector: str,
    version: int,
    detected: Position,
    now_ms: int,
) -> DriftEvent:
    """The event of a data, prediction or prior finding."""
    onset, comparison, judged = finding.onset, finding.window.comparison, finding.window.judgement
    what = {DriftKind.DATA: "The features have", DriftKind.PRIOR: "The class mix of the labels has"}.get(
        kind, f"The answers of model {version} have"
    )
    return DriftEvent(
        event_id=event_id(stream, kind, version, onset.record_id),
        stream=stream,
        kind=kind,
        severity="alarm",
        detector=detector,
        model_version=version,
        detected_at=now_ms,
        detected=detected,
        onset=Position(
            record_id=onset.record_id, event_time=onset.event_time, features=onset.features, labels=onset.labels
        ),
        evidence={
            "largest_psi": float(comparison.psi.max()),
            "smallest_p_value": float(comparison.adjusted.min()),
            "drifted": len(finding.drifted),
            "variables": len(comparison.psi),
            **({"pairs": len(judged.apart)} if judged.correlations is not None else {}),
            "window_records": finding.window.rows,
        },
        features=blame,
        summary=f"{what} changed since about record {onset.record_id}: {_extent(finding)}, most of all "
        f"{_names(blame)}.",
    )


def _extent(finding: BlockFinding) -> str:
    judged = finding.window.judgement
    drifted = f"{len(judged.drifted)} of {len(judged.comparison.psi)} drifted"
    if judged.correlations is None or not len(judged.apart):
        return drifted
    apart = f"{len(judged.apart)} of {len(judged.correlations.after)} pairs correlate otherwise"
    return f"{drifted}, {apart}" if len(judged.drifted) else apart


def _position(place: Place) -> Position:
    return Position(
        record_id=place.record_id, event_time=place.event_time, features=place.features, labels=place.labels
    )


def _names(blame: list[Blame]) -> str:
    return ", ".join(f"{b.feature} ({b.detail})" if b.detail else b.feature for b in blame[:_NAMED])
