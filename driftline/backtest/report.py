"""The JSON report of a run."""

from typing import Any

from driftline.backtest.comparison import Compared, Run
from driftline.backtest.course import Change, Course, curve
from driftline.backtest.scoring import Detection


def report(run: Run) -> dict[str, Any]:
    """`strategies` and `recommended` are those of the first label delay; `label_delays` has them all.

    Everything is the same from run to run, except what is called seconds.
    """
    by_delay = {str(delay): _compared(compared) for delay, compared in run.by_delay.items()}
    first = next(iter(by_delay.values()))
    plan = next(iter(run.by_delay.values())).plan
    return {
        "source": run.source,
        "records": run.records,
        "seconds": round(run.seconds, 2),
        "plan": {
            "start_rows": plan.start,
            "every": plan.every,
            "window": plan.window,
            "training_takes": "measured" if plan.training_takes is None else plan.training_takes,
            "rate": plan.rate,
            "block": plan.block,
            "seed": plan.seed,
            "drift_at": list(plan.drift_at),
            "drift_within": plan.within,
        },
        "notes": list(run.notes),
        **first,
        "label_delays": by_delay,
    }


def _compared(compared: Compared) -> dict[str, Any]:
    advice = compared.advice
    return {
        "strategies": {
            name: _course(course, compared.detections.get(name)) for name, course in compared.courses.items()
        },
        "recommended": None
        if advice is None
        else {
            "strategy": advice.strategy,
            "reason": advice.reason,
            "warnings": list(advice.warnings),
            "settings": dict(compared.courses[advice.strategy].settings),
        },
    }


def _course(course: Course, found: Detection | None) -> dict[str, Any]:
    line = curve(course)
    return {
        "accuracy": round(course.accuracy, 6),
        "kappa": round(course.kappa, 6),
        "judged": len(course.rows),
        "retrainings": course.retrainings,
        "promoted": course.count("promoted"),
        "refused": course.count("refused"),
        "recalls": course.count("recalled"),
        "failed": course.count("failed"),
        "training_seconds": round(course.training_seconds, 3),
        "seconds": round(course.seconds, 3),
        "alarms": [
            {"row": a.row, "onset_row": a.onset_row, "kind": a.kind, "features": list(a.features)}
            for a in course.alarms
        ],
        "warnings": course.warnings,
        **({} if found is None else _found(found)),
        "changes": [_change(change) for change in course.changes],
        "settings": dict(course.settings),
        "curve": {
            "rows": line.rows,
            "accuracy": [round(value, 4) for value in line.accuracy],
            "kappa": [round(value, 4) for value in line.kappa],
        },
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "asked_row": change.asked,
        "row": change.row,
        "kind": change.kind,
        "version": change.version,
        "labelled": change.rows,
        "seconds": round(change.seconds, 3),
        "reasons": list(change.reasons),
    }


def _found(found: Detection) -> dict[str, Any]:
    return {
        "detected": found.detected,
        "missed": found.missed,
        "delay_median": found.delay_median,
        "delays": list(found.delays),
        "false_alarms": found.false_alarms,
        "repeated_alarms": found.repeated,
    }
