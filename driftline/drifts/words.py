"""A drift event in words: what changed, whom it hits, what was done about it and why."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from driftline.drifts.case import Case, told
from driftline.records.loop import Blame, BlamedPart, DriftEvent, DriftKind, RetrainingJob
from driftline.spec.policy import PolicySpec
from driftline.watch.telling import tell

Line = tuple[str, str]

CHANGED = {
    DriftKind.CONCEPT: "P(y|x)",
    DriftKind.DATA: "P(x)",
    DriftKind.PREDICTION: "P(ŷ)",
    DriftKind.PRIOR: "P(y)",
}
"""Which distribution each kind is a change of; ŷ is the model's answer."""

_WHAT = {
    DriftKind.CONCEPT: "the model is wrong more often than it was",
    DriftKind.DATA: "the features are spread otherwise than in the rows the model was trained on",
    DriftKind.PREDICTION: "the model answers otherwise than on its held-out rows",
    DriftKind.PRIOR: "the classes are not as frequent as in the rows the model was trained on",
}
_SHAPES = {
    "abrupt": "abrupt: from one record to the next",
    "gradual": "gradual: the old world and the new one by turns",
    "incremental": "incremental: in small steps",
    "recurring": "recurring: it has been like this before",
    None: "not known: too few records, too small a change, or still under way",
}
_CAUSES = {
    "sensor": "a sensor at fault: only few of the devices show it, the others are as they were",
    "world": "the world: the other devices show it too",
    None: "not known: fewer than four devices, too few records, or nothing that devices can tell",
}
_ENDS = {
    "recovered": "over: the world is as it was",
    "new-version": "over: another version answers now",
    None: "over",
}
_EFFECTS = {
    "jensen-shannon": ("Jensen-Shannon", ""),
    "kolmogorov-smirnov": ("Kolmogorov-Smirnov", ""),
    "wasserstein": ("Wasserstein", " std"),
    "missing": ("missing", " of the records"),
    "unseen": ("unknown categories", " of the records"),
    "correlation": ("correlation", ""),
}
# Partitions that a line names.
_PARTITIONS = 8


def when(epoch_ms: int | None) -> str:
    """'2026-03-01 14:05:09', in UTC."""
    if epoch_ms is None:
        return "unknown"
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def what_changed(case: Case) -> list[Line]:
    """Kind, time, shape, cause and evidence."""
    event = case.event
    lines = [
        ("kind", f"{event.kind.value} drift, {CHANGED[event.kind]}: {_WHAT[event.kind]}"),
        ("state", f"{event.severity}, {'stands' if case.standing else _ENDS[event.closed_because]}"),
        ("since", _since(event)),
        ("from offset", _offsets(event)),
        ("told", _told(case)),
        ("how it went", _SHAPES[event.shape]),
        ("cause", _CAUSES[event.cause]),
        ("model", f"version {event.model_version}"),
    ]
    return [*lines, *_evidence(event)]


def whom_it_hits(event: DriftEvent) -> list[Line]:
    """Features with their effect sizes, then classes, devices and segments."""
    lines = [(f"feature {blame.feature}", blame_words(blame)) for blame in event.features]
    lines += [(part.part_of, part_words(part)) for part in (*event.classes, *event.devices, *values_of_segments(event))]
    return lines


def values_of_segments(event: DriftEvent) -> list[BlamedPart]:
    """The values of segments that are hit, without the devices where they are told already."""
    devices = {part.name for part in event.devices}
    return [part for part in event.segments if part.part_of != "device_id" or part.name not in devices]


def what_was_done(case: Case, policy: PolicySpec) -> list[Line]:
    """Jobs, why they were asked for, and what became of them; or why there is none."""
    if not case.jobs:
        return [("nothing", why_nothing(case, policy))]
    lines = []
    for job in case.jobs:
        lines.append((when(job.requested_at), f"{tell(job)} ({job.job_id}, {job.action})"))
        if why := _why(case.event, job):
            lines.append(("because", why))
        verdict = case.verdict(job)
        lines.append(
            (when(verdict.at), tell(verdict)) if verdict else ("came of it", "no verdict is known of this job")
        )
    return lines


def how_it_unfolded(case: Case) -> list[Line]:
    """Each record of the event: when it was told, and what it said."""
    return [
        (when(told(record)), f"{record.state}{', grown to an alarm' if record.grown else ''}: {record.summary}")
        for record in case.records
    ]


def in_short(case: Case) -> str:
    """What was done, in a cell of a table."""
    if not case.jobs:
        return "nothing: a sensor" if case.event.cause == "sensor" else "nothing"
    job = case.jobs[-1]
    more = f"{len(case.jobs)} jobs, the last: " if len(case.jobs) > 1 else ""
    verdict = case.verdict(job)
    if verdict is None:
        return f"{more}{job.job_id} ({job.action}), no verdict known"
    version = "" if verdict.version is None or not verdict.kind.changes_champion else f" → version {verdict.version}"
    return f"{more}{job.job_id} ({job.action}) {verdict.kind.value}{version}"


def why_nothing(case: Case, policy: PolicySpec) -> str:
    """Why no job was asked for, as far as the event and the specification tell."""
    event = case.event
    if event.cause == "sensor":
        return "no training mends a sensor: look at the devices named above"
    wanted = policy.action_at(event.kind.value, event.severity)
    if wanted in ("nothing", "notify"):
        return f"monitoring.policy wants `{wanted}` at {event.kind.value} drift of severity {event.severity}"
    if not case.standing:
        return f"monitoring.policy wants `{wanted}`, but the drift was over before a job was due"
    return (
        f"monitoring.policy wants `{wanted}`; it waits for labelled records since the onset "
        f"({policy.minimum_labels_recall} for the archive, {policy.minimum_labels} for a training), a cool-down, "
        "another job, or its budget"
    )


def blame_words(blame: Blame) -> str:
    """What changed in a feature, and by how much."""
    sizes = [f"PSI {blame.score:.3g}"] if "correlation" not in blame.effects else []
    for name, size in blame.effects.items():
        said, unit = _EFFECTS.get(name, (name, ""))
        sizes.append(f"{said} {size:+.0%}{unit}" if name in ("missing", "unseen") else f"{said} {size:.3g}{unit}")
    parts = [blame.detail, ", ".join(sizes), "" if blame.p_value is None else p_words(blame.p_value)]
    return "; ".join(part for part in parts if part)


def part_words(part: BlamedPart) -> str:
    """What changed in a class, a device or a value."""
    rates = "" if part.before is None or part.after is None else f"{part.before:.1%} → {part.after:.1%}"
    said = [part.detail or f"{part.name} {rates}".rstrip(), f"{part.records:,} records"]
    if part.score is not None:
        said.append(f"PSI {part.score:.3g}")
    if part.p_value is not None:
        said.append(p_words(part.p_value))
    return "; ".join(said)


def p_words(p_value: float) -> str:
    """'p = 0.003', 'p < 1e-300'."""
    return f"p = {p_value:.2g}" if p_value > 0 else "p < 1e-300"


def where(event: DriftEvent, shown: Callable[[str], str] = str) -> str:
    """', where it answers "worn"', if its figures are of one answer."""
    return "" if event.answer is None else f', where it answers "{shown(event.answer)}"'


def _since(event: DriftEvent) -> str:
    said = f"{when(event.onset.event_time)}, record {event.onset.record_id or 'unknown'}"
    if event.onset_between is None:
        return said
    low, high = (when(moment) for moment in event.onset_between)
    sure = "with 95% confidence" if event.kind is DriftKind.CONCEPT else "the blocks it was looked for in"
    return f"{said}; between {low} and {high} ({sure})"


def _offsets(event: DriftEvent) -> str:
    def places(name: str, offsets: dict[int, int]) -> str:
        shown = [f"{partition}:{offset}" for partition, offset in sorted(offsets.items())[:_PARTITIONS]]
        more = f" and {len(offsets) - _PARTITIONS} more" if len(offsets) > _PARTITIONS else ""
        return f"{name} {', '.join(shown)}{more}" if shown else ""

    both = [places("features", event.onset.features), places("labels", event.onset.labels)]
    known = "; ".join(place for place in both if place)
    return f"{known} (partition:offset)" if known else "unknown"


def _told(case: Case) -> str:
    event = case.event
    said = f"{when(case.opened_at)} by {event.detector}"
    first, found = event.onset.event_time, event.detected.event_time
    if first is not None and found is not None and found >= first:
        said += f", {(found - first) / 1000:,.0f} s of the stream after the onset"
    return said + (f"; {len(case.records)} records of it" if len(case.records) > 1 else "")


def _evidence(event: DriftEvent) -> list[Line]:
    known, lines = event.evidence, []
    if {"error_before", "error_after"} <= known.keys():
        labelled = known.get("labelled_since_onset", 0.0)
        lines.append(
            (
                "error",
                f"{known['error_before']:.1%} → {known['error_after']:.1%}{where(event)}; "
                f"{labelled:,.0f} labelled records since the onset",
            )
        )
    sure = []
    if "e_value" in known:
        sure.append(f"e-value {known['e_value']:.3g}: by chance once in so many labelled records")
    if "log_likelihood_ratio" in known:
        sure.append(f"a change is e^{known['log_likelihood_ratio']:.0f} times likelier than none")
    if "drifted" in known:
        sure.append(f"{known['drifted']:.0f} of {known.get('variables', 0):.0f} variables drifted")
    if known.get("pairs"):
        sure.append(f"{known['pairs']:.0f} pairs of features correlate otherwise")
    if "largest_psi" in known:
        sure.append(f"largest PSI {known['largest_psi']:.3g}")
    if "smallest_p_value" in known:
        sure.append(p_words(known["smallest_p_value"]))
    if "window_records" in known:
        sure.append(f"over {known['window_records']:,.0f} records")
    return [*lines, ("evidence", "; ".join(sure))] if sure else lines


def _why(event: DriftEvent, job: RetrainingJob) -> str:
    """The reason of a job, unless it only repeats the event."""
    repeats = job.reason.startswith(f"{event.kind.value} drift, {event.severity}: ")
    return "" if repeats else job.reason


def most_blamed(blamed: Sequence[Blame], count: int = 3) -> str:
    """The first features, in a cell of a table."""
    named = ", ".join(blame.feature for blame in blamed[:count])
    return named + (f" and {len(blamed) - count} more" if len(blamed) > count else "") or "–"
