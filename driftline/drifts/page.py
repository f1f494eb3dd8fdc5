"""The page of one drift event."""

from driftline.drifts.case import Case
from driftline.drifts.pictures import accuracy_picture, effects_picture, histogram_picture, parts_picture
from driftline.drifts.words import (
    how_it_unfolded,
    part_words,
    values_of_segments,
    what_changed,
    what_was_done,
    when,
    whom_it_hits,
)
from driftline.pages.page import Cell, Page, Tone
from driftline.records.loop import BlamedPart, DriftKind
from driftline.spec.policy import PolicySpec

_UNITS = {DriftKind.CONCEPT: "error rate", DriftKind.PRIOR: "share of the labels"}


def drift_page(case: Case, policy: PolicySpec) -> Page:
    """All that is known of one event, with its plots."""
    event = case.event
    page = Page(
        f"{event.stream}: {event.kind.value} drift since {when(event.onset.event_time)}",
        f"Times are UTC. Event {event.event_id}.",
    )
    page.findings([(tone_of(case), event.summary)])
    page.section("What changed")
    page.table(["about", "what is known"], [list(line) for line in what_changed(case)])
    if event.course is not None and event.course.times:
        page.picture(accuracy_picture(event, event.course, case.jobs))
    else:
        page.paragraph("No label of this time had come when this was told, so right answers cannot be drawn.")
    page.section("Whom it hits")
    _hit(page, case)
    page.section("What was done, and why")
    page.table(["when", "what"], [list(line) for line in what_was_done(case, policy)])
    page.section("How it unfolded")
    page.table(["when", "what was told"], [list(line) for line in how_it_unfolded(case)])
    return page


def tone_of(case: Case) -> Tone:
    """How grave it is now."""
    if not case.standing:
        return "good"
    return "bad" if case.event.severity == "alarm" else "warn"


def _hit(page: Page, case: Case) -> None:
    event = case.event
    if not whom_it_hits(event):
        page.paragraph("No feature, class, device or segment stands out.")
        return
    if event.features:
        page.picture(effects_picture(event.features))
        rows = [list(line) for line in whom_it_hits(event.model_copy(update=_NO_PARTS))]
        page.table(["feature", "what changed"], rows)
        for number, blame in enumerate(event.features, 1):
            if blame.histogram is not None and blame.histogram.bins:
                page.picture(histogram_picture(number, blame, blame.histogram))
    unit = _UNITS.get(event.kind, "share of the records")
    groups = [("classes", "Classes", list(event.classes)), ("devices", "Devices", list(event.devices))]
    segments: dict[str, list[BlamedPart]] = {}
    for part in values_of_segments(event):
        segments.setdefault(part.part_of, []).append(part)
    # A file's name is never made of a feature's.
    groups += [(f"segment-{i}", f"By {name}", parts) for i, (name, parts) in enumerate(segments.items(), 1)]
    for name, title, parts in groups:
        if (picture := parts_picture(name, title, parts, unit)) is not None:
            page.picture(picture)
        rows_of_parts: list[list[Cell]] = [[part.name, part_words(part)] for part in parts]
        page.table([title.lower(), "what changed"], rows_of_parts)


_NO_PARTS: dict[str, list[BlamedPart]] = {"classes": [], "devices": [], "segments": []}
