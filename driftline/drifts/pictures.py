"""The pictures of one drift event; each says in words what it shows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from driftline.drifts.words import part_words, when, where
from driftline.pages.charts import bars, paired_bars, tall
from driftline.pages.picture import Picture, Theme, plain
from driftline.records.exhibits import Course, Histogram
from driftline.records.loop import Blame, BlamedPart, DriftEvent, RetrainingJob

# Names in the words below a picture.
_SAID = 3


def accuracy_picture(
    event: DriftEvent, course: Course, jobs: Sequence[RetrainingJob] = (), told_at: int | None = None
) -> Picture:
    """Right answers around the onset, which is marked with the span that it lies in."""
    onset = event.onset.event_time
    inside = [job for job in jobs if course.times[0] <= job.requested_at <= course.times[-1]]
    found = event.detected.event_time

    def draw(figure: Any, theme: Theme) -> None:
        axis = figure.subplots()
        dates = _dates(course.times)
        axis.step(dates, course.right, where="post", color=theme.series[0], lw=2, label="right answers")
        if event.onset_between is not None:
            low, high = _dates(event.onset_between)
            axis.axvspan(low, high, color=theme.series[1], alpha=0.25, lw=0, label="the onset lies in here")
        if onset is not None:
            axis.axvline(_dates([onset])[0], color=theme.series[1], lw=1.4, label="onset")
        if found is not None and found <= course.times[-1]:
            axis.axvline(_dates([found])[0], color=theme.series[3], lw=1.2, ls=":", label="found")
        for i, job in enumerate(inside):
            label = None if i else "job asked for"
            axis.axvline(_dates([job.requested_at])[0], color=theme.series[2], lw=1.2, ls="--", label=label)
        axis.set_ylim(0, 1.02)
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axis.grid(axis="y")
        axis.set_title(f"Right answers around the onset{where(event, plain)}")
        axis.set_xlabel(f"event time, UTC; a step is {max(course.records):,} labelled records")
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))

    return Picture("accuracy", _accuracy_says(event, course), draw)


def histogram_picture(number: int, blame: Blame, histogram: Histogram) -> Picture:
    """One feature's distribution, reference against now."""

    def draw(figure: Any, theme: Theme) -> None:
        paired_bars(
            figure, theme, histogram.bins, histogram.reference, histogram.current,
            title=plain(blame.feature, 60), unit="share of the records", labels=("reference", "now"),
        )  # fmt: skip

    change = np.array(histogram.current) - np.array(histogram.reference)
    order = np.argsort(-np.abs(change), kind="stable")[:_SAID].tolist()
    moved = "; ".join(
        f"{histogram.bins[i]}: {histogram.reference[i]:.1%} → {histogram.current[i]:.1%}" for i in order if change[i]
    )
    says = f"{blame.feature}, the reference against now. Most changed: {moved or 'nothing'}."
    return Picture(f"feature-{number}", says, draw, width=7.5, height=tall(len(histogram.bins), most=7.0))


def effects_picture(blamed: Sequence[Blame]) -> Picture:
    """How far each blamed feature has moved."""
    pairs = all("correlation" in blame.effects for blame in blamed)
    measure = "change of correlation" if pairs else "population stability index"
    chosen = [blame for blame in blamed if pairs or "correlation" not in blame.effects]

    def draw(figure: Any, theme: Theme) -> None:
        names = [blame.feature for blame in chosen]
        scores = [blame.score for blame in chosen]
        bars(figure, theme, names, scores, title="How far each has moved", unit=measure)

    said = ", ".join(f"{blame.feature} {blame.score:.3g}" for blame in chosen[:_SAID])
    says = f"{measure.capitalize()} of {len(chosen)} blamed; most of all {said}."
    return Picture("effects", says, draw, height=tall(len(chosen)))


def parts_picture(name: str, title: str, parts: Sequence[BlamedPart], unit: str) -> Picture | None:
    """Classes, devices or values of a segment, before the onset and since; None if nothing can be drawn of them."""
    rated = [part for part in parts if part.before is not None and part.after is not None]
    scored = [part for part in parts if part.score is not None]
    if rated:

        def draw(figure: Any, theme: Theme) -> None:
            paired_bars(
                figure, theme, [part.name for part in rated],
                [part.before or 0.0 for part in rated], [part.after or 0.0 for part in rated],
                title=title, unit=unit, labels=("before the onset", "since"),
            )  # fmt: skip

        return Picture(name, _parts_say(title, rated), draw, height=tall(len(rated), 0.42))
    if scored:

        def draw_scores(figure: Any, theme: Theme) -> None:
            names, scores = [part.name for part in scored], [part.score or 0.0 for part in scored]
            bars(figure, theme, names, scores, title=title, unit="population stability index of its own records")

        return Picture(name, _parts_say(title, scored), draw_scores, height=tall(len(scored)))
    return None


def _accuracy_says(event: DriftEvent, course: Course) -> str:
    onset = event.onset.event_time
    times, right, records = np.array(course.times), np.array(course.right), np.array(course.records)
    since = times >= onset if onset is not None else np.zeros(len(times), dtype=np.bool_)
    says = f"Right answers in {len(times)} stretches from {when(course.times[0])} on{where(event)}."
    if since.any() and not since.all():
        before, after = (float(np.average(right[side], weights=records[side])) for side in (~since, since))
        says += f" Before the onset at {when(onset)} {before:.1%}, since {after:.1%}."
    return says


def _parts_say(title: str, parts: Sequence[BlamedPart]) -> str:
    more = f" and {len(parts) - _SAID} more" if len(parts) > _SAID else ""
    return f"{title}: {' | '.join(part_words(part) for part in parts[:_SAID])}{more}."


def _dates(times: Sequence[int]) -> list[datetime]:
    return [datetime.fromtimestamp(time / 1000, UTC) for time in times]
