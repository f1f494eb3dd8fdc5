"""The README's figures are those of the run that lies beside its picture."""

import json
from typing import Any

from tests.docs.pages import ROOT


def table(report: dict[str, Any]) -> str:
    """The README's table of a demo's report."""
    accuracy = report["accuracy"]
    first = next(event for event in report["drift_events"] if event["kind"] == "concept")
    by_kind = [promotion["kind"] for promotion in report["promotions"]]
    rows = [
        ("feature records replayed", f"{report['records']:,}"),
        (
            "answered, lost, answered twice, dead letters",
            f"{report['predictions']:,}, {report['lost']}, {report['duplicates']}, {report['dead_letters']}",
        ),
        ("first change (row 1,775) alarmed at row", f"{first['row']:,}, with row {first['onset_row']:,} as its onset"),
        ("alarms before the first change", str(sum((e["row"] or 0) < 1_775 for e in report["drift_events"]))),
        (
            "retrainings asked for, promoted, recalled",
            f"{report['retrainings']}, {by_kind.count('promoted')}, {by_kind.count('recalled')}",
        ),
        *(
            (f"version {p['version']} ({p['kind']}) answers from row", f"{p['first_row']:,}")
            for p in report["promotions"]
            if p["first_row"]
        ),
        ("accuracy before the first change", f"{accuracy['before_drift']:.1%}"),
        ("accuracy from each change to its answer", f"{accuracy['in_drift']:.1%}"),
        ("accuracy after the answers", f"{accuracy['after_recovery']:.1%}"),
        ("accuracy over all, with the loop", f"{accuracy['loop']:.1%}"),
        ("accuracy over all, the first model alone", f"{accuracy['static_model']:.1%}"),
        ("seconds in all", f"{report['seconds']:.0f}"),
    ]
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows)


def test_the_table_is_that_of_the_report() -> None:
    report = json.loads((ROOT / "docs" / "images" / "demo.json").read_text())
    expected = table(report)
    assert expected in (ROOT / "README.md").read_text(), f"the table of docs/images/demo.json is\n{expected}"
