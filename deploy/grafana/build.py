"""Writes the dashboards beside it: `python deploy/grafana/build.py`.

Panels are told in one line each, so that a reader sees what is asked and not how a panel is drawn; a test holds the
files equal to what this writes, and runs every query against a Prometheus that scraped a real run.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "driftline-prometheus"}
S = '{stream="$stream"}'
"""The series of the stream that is looked at."""
G = '{stream="$stream",segment=~"$segment",value=~"$group"}'
"""Those of the chosen groups of records. There are some if `monitoring.segments` names some."""
V = '{stream="$stream",version=~"$version"}'
"""Those of the chosen versions."""


@dataclass(frozen=True)
class Panel:
    """One panel: `queries` are (PromQL, legend)."""

    title: str
    queries: Sequence[tuple[str, str]]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 8
    text: str = ""
    low: float | None = None
    high: float | None = None
    steps: Sequence[tuple[float | None, str]] = ()


def stat(title: str, query: str, **more: Any) -> Panel:
    return Panel(title, [(query, "")], "stat", width=more.pop("width", 4), height=4, **more)


RED, AMBER, GREEN, GREY = "red", "orange", "green", "text"
DRIFT = ((None, GREEN), (0.1, AMBER), (0.2, RED))
STREAM = [
    stat("Records a second", f"stream:driftline_predictions:rate1m{S}", unit="reqps"),
    stat("Accuracy", f"max(driftline_monitor_accuracy_ratio{S})", unit="percentunit", text="Of the newest labelled records."),
    stat("Version in service", f"max(driftline_model_version{S})"),
    stat("Drift standing", f"sum(driftline_monitor_drift_standing{S})", steps=((None, GREEN), (1, RED))),
    stat("Records behind", 'max(driftline_lag_records{stream="$stream",service="consumer"})', steps=((None, GREEN), (1000, AMBER))),
    stat("Dead letters", f"stream:driftline_dead_letters:ratio5m{S} or vector(0)", unit="percentunit", steps=((None, GREEN), (0.05, RED))),
    Panel("Accuracy", [(f"max(driftline_monitor_accuracy_ratio{S})", "accuracy"), (f"max(driftline_monitor_estimated_accuracy_ratio{S})", "estimated, without labels"), (f"max(driftline_monitor_target_accuracy_ratio{S})", "target")],
          unit="percentunit", width=16, low=0, high=1, text="Drift, retrainings and promotions are marked on the line."),
    Panel("Version by consumer", [(f"driftline_model_version{S}", "{{instance}}")], text="All lines on one level: the swap is done."),
    Panel("Records answered, by version", [(f"sum by (version) (rate(driftline_predictions_total{V}[1m]))", "version {{version}}")], unit="reqps"),
    Panel("Records refused, by reason", [(f"sum by (reason) (rate(driftline_dead_letters_total{S}[5m]))", "{{reason}}")], unit="reqps"),
    Panel("From measured to answered", [(f"histogram_quantile(0.5, sum by (le) (rate(driftline_end_to_end_seconds_bucket{S}[5m])))", "half within"),
          (f"histogram_quantile(0.95, sum by (le) (rate(driftline_end_to_end_seconds_bucket{S}[5m])))", "95 % within")], unit="s", text="From a record's event time to its committed prediction."),
    Panel("From prediction to label", [(f"histogram_quantile(0.5, sum by (le) (rate(driftline_monitor_label_lag_seconds_bucket{S}[10m])))", "half within"),
          (f"histogram_quantile(0.95, sum by (le) (rate(driftline_monitor_label_lag_seconds_bucket{S}[10m])))", "95 % within")], unit="s"),
]  # fmt: skip
DRIFTS = [
    stat("Concept drift", 'max(driftline_monitor_drift_standing{stream="$stream",kind="concept"})', steps=((None, GREEN), (1, RED))),
    stat("Data drift", 'max(driftline_monitor_drift_standing{stream="$stream",kind="data"})', steps=((None, GREEN), (1, AMBER))),
    stat("Prediction drift", 'max(driftline_monitor_drift_standing{stream="$stream",kind="prediction"})', steps=((None, GREEN), (1, AMBER))),
    stat("Suspecting", f"max(driftline_monitor_concept_suspecting{S})", text="The detector rang, and it is not clear yet.", steps=((None, GREEN), (1, AMBER))),
    stat("Largest feature drift", f"max(driftline_monitor_feature_drift_psi_max{S})", steps=DRIFT),
    stat("Labels, share", f"max(driftline_monitor_label_coverage_ratio{S})", unit="percentunit"),
    Panel("Error rate since its last change", [(f"max(driftline_monitor_concept_error_ratio{S})", "error")], unit="percentunit", width=12, low=0),
    Panel("Drift events", [(f"sum by (kind, severity) (driftline_monitor_drift_events_total{S})", "{{kind}} {{severity}}")], width=12),
    Panel("Features that drifted most", [(f"topk(20, driftline_monitor_feature_drift_psi{S})", "{{feature}}")], width=16, height=10, steps=DRIFT,
          text="Population stability index against the training rows, less what chance brings: above 0.2 is called drifted."),
    Panel("Now", [(f"sort_desc(topk(20, driftline_monitor_feature_drift_psi{S}))", "{{feature}}")], "bargauge", height=10, steps=DRIFT),
    Panel("Answers", [(f"driftline_monitor_prediction_drift_psi{S}", "{{variable}}")], width=12, text="The mix of classes, and the confidences."),
    Panel("Labels", [(f"stream:driftline_labels_joined:rate30m{S}", "joined"), (f"sum(rate(driftline_monitor_labels_orphaned_total{S}[30m]))", "without a prediction"),
          (f"sum(rate(driftline_monitor_predictions_unlabelled_total{S}[30m]))", "predictions given up")], unit="reqps", width=12),
    Panel("Accuracy by group", [(f"driftline_monitor_group_accuracy_ratio{G}", "{{segment}} {{value}}")], width=16, unit="percentunit", low=0, high=1,
          text="By each value of monitoring.segments, of the newest labelled records of the version in service."),
    Panel("Groups that fare worst", [(f"sort(bottomk(10, driftline_monitor_group_accuracy_ratio{G} and driftline_monitor_group_outcomes{G} >= 20))", "{{segment}} {{value}}")], "bargauge", unit="percentunit", low=0, high=1, text="Of those with 20 labels and more."),
    Panel("Labelled records by group", [(f"driftline_monitor_group_outcomes{G}", "{{segment}} {{value}}")], width=24),
]  # fmt: skip
MODELS = [
    stat("Version in service", f"max(driftline_model_version{S})", width=3),
    stat("Swaps", f"max(driftline_model_swaps_total{S})", width=3),
    stat("Retrainings asked for", 'sum(driftline_monitor_retraining_jobs_total{stream="$stream",state="asked"})', width=3),
    stat("Training now", f"max(driftline_training_busy{S})", steps=((None, GREY), (1, AMBER)), width=3),
    stat("Waiting for a verdict", f"max(driftline_monitor_retraining_jobs_open{S})", width=3),
    stat("Load failures", f"sum(driftline_model_load_failures_total{S})", steps=((None, GREEN), (1, RED)), width=3),
    stat("Version before", 'max(driftline_model_version_before{stream="$stream",swaps="1"})', width=3),
    stat("Policy paused", f"max(driftline_monitor_policy_paused{S})", steps=((None, GREEN), (1, AMBER)), width=3),
    Panel("What became of retrainings", [(f"sum by (verdict) (driftline_training_verdicts_total{S})", "{{verdict}}")], width=12),
    Panel("Version", [(f"max(driftline_model_version{S})", "consumers"), (f"max(driftline_monitor_model_version{S})", "monitor")], width=12),
    Panel("How long a swap takes", [(f"sum(driftline_model_swap_seconds_sum{S}) / sum(driftline_model_swap_seconds_count{S})", "from promoted to in service")], unit="s", width=12, low=0),
    Panel("How long its stages take", [(f"sum by (stage) (driftline_model_swap_stage_seconds_sum{S}) / sum by (stage) (driftline_model_swap_stage_seconds_count{S})", "{{stage}}")], unit="s", width=12, low=0, text="No record waits for fetch and load."),
    Panel("F1 by class", [(f"driftline_monitor_f1_ratio{S}", "{{class}}")], unit="percentunit", width=12, low=0, high=1),
    Panel("How honest its confidence is", [(f"max(driftline_monitor_calibration_error_ratio{S})", "calibration error"), (f"max(driftline_monitor_estimate_error_ratio{S})", "error of estimates without labels")], unit="percentunit", width=12, low=0),
    Panel("Accuracy", [(f"max(driftline_monitor_accuracy_ratio{S})", "accuracy")], unit="percentunit", width=24, low=0, high=1),
    Panel("Answers by version, share", [(f"sum by (version) (rate(driftline_predictions_total{V}[1m])) / scalar(sum(rate(driftline_predictions_total{S}[1m])))", "version {{version}}")], unit="percentunit", width=24, low=0, high=1),
]  # fmt: skip
OPERATIONS = [
    Panel("Up", [('up{job="driftline",stream="$stream"}', "{{service}} {{instance}}")], "stat", width=24, height=4, steps=((None, RED), (1, GREEN))),
    Panel("Records read", [(f"sum by (service, topic) (rate(driftline_records_read_total{S}[1m]))", "{{service}} {{topic}}")], unit="reqps"),
    Panel("Records behind", [(f"max by (service, topic) (driftline_lag_records{S})", "{{service}} {{topic}}")]),
    Panel("Time of a batch, 95 %", [(f"histogram_quantile(0.95, sum by (le, service, stage) (rate(driftline_stage_seconds_bucket{S}[5m])))", "{{service}} {{stage}}")], unit="s"),
    Panel("Records of a batch, median", [(f"histogram_quantile(0.5, sum by (le, service) (rate(driftline_batch_records_bucket{S}[5m])))", "{{service}}")]),
    Panel("Rounds aborted", [(f"sum by (service, cause) (rate(driftline_aborts_total{S}[5m])) or sum by (service) (0 * driftline_commits_total{S})", "{{service}} {{cause}}")], unit="ops"),
    Panel("Registry failures", [(f"sum by (service, cause) (increase(driftline_registry_failures_total{S}[15m])) or sum by (service) (0 * driftline_commits_total{S})", "{{service}} {{cause}}")]),
    Panel("Memory", [(f"sum by (service, instance) (process_resident_memory_bytes{S})", "{{service}} {{instance}}")], unit="bytes"),
    Panel("CPU", [(f"sum by (service, instance) (rate(process_cpu_seconds_total{S}[1m]))", "{{service}} {{instance}}")], unit="percentunit"),
    Panel("Age of the monitor's state", [(f"time() - max(driftline_checkpoint_timestamp_seconds{S})", "age")], unit="s"),
    Panel("Alerts received", [(f"sum by (action) (driftline_alerts_received_total{S})", "{{action}}")], width=12, text="Of the receiver (docs/alerts.md), if one runs."),
    Panel("Firing", [('ALERTS{alertname=~"Driftline.*",alertstate="firing",stream="$stream"} or vector(0)', "{{alertname}}")], width=12),
]  # fmt: skip
DASHBOARDS = {
    "stream": ("Stream at a glance", STREAM),
    "drift": ("Drift", DRIFTS),
    "models": ("Models", MODELS),
    "operations": ("Operations", OPERATIONS),
}
ANNOTATIONS = [
    ("Drift", f'max by (kind) (driftline_monitor_drift_standing{S}) == 1 unless max by (kind) (driftline_monitor_drift_standing{S} offset 10s) == 1', RED, "{{kind}} drift"),
    ("Retraining", f"sum by (verdict) (increase(driftline_training_verdicts_total{S}[10s])) > 0", AMBER, "retraining: {{verdict}}"),
    ("New version", f"max(changes(driftline_model_version{S}[10s])) > 0", GREEN, "new version in service"),
]  # fmt: skip
VARIABLES = [
    ("stream", "label_values(driftline_monitor_info, stream)", "Stream", False),
    ("version", 'label_values(driftline_predictions_total{stream="$stream"}, version)', "Version", True),
    ("segment", 'label_values(driftline_monitor_group_outcomes{stream="$stream"}, segment)', "Segment", True),
    (
        "group",
        'label_values(driftline_monitor_group_outcomes{stream="$stream",segment=~"$segment"}, value)',
        "Device group",
        True,
    ),
]


def build() -> Iterator[tuple[Path, str]]:
    """Each dashboard's file and its text."""
    for uid, (title, panels) in DASHBOARDS.items():
        yield HERE / f"{uid}.json", json.dumps(dashboard(uid, title, panels), indent=1) + "\n"


def dashboard(uid: str, title: str, panels: Sequence[Panel]) -> dict[str, Any]:
    x = y = row = 0
    drawn = []
    for number, panel in enumerate(panels, 1):
        if x + panel.width > 24:
            x, y, row = 0, y + row, 0
        drawn.append(_panel(number, panel, x, y))
        x, row = x + panel.width, max(row, panel.height)
    return {
        "uid": f"driftline-{uid}",
        "title": f"driftline · {title}",
        "tags": ["driftline"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "graphTooltip": 1,
        "links": [{"type": "dashboards", "tags": ["driftline"], "title": "driftline", "includeVars": True, "keepTime": True}],
        "annotations": {
            "list": [
                {"name": name, "datasource": SOURCE, "enable": True, "expr": expr, "iconColor": colour, "titleFormat": text, "step": "10s"}
                for name, expr, colour, text in ANNOTATIONS
            ]
        },
        "templating": {
            "list": [
                {
                    "name": name, "label": label, "type": "query", "datasource": SOURCE, "refresh": 2, "sort": 1,
                    "query": {"query": query, "refId": name}, "definition": query, "multi": many, "includeAll": many,
                    **({"allValue": ".*", "current": {"text": "All", "value": "$__all"}} if many else {}),
                }
                for name, query, label, many in VARIABLES
                if any(f"${name}" in expr for panel in panels for expr, _ in panel.queries)
            ]
        },
        "panels": drawn,
    }  # fmt: skip


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit}
    if panel.low is not None:
        defaults["min"] = panel.low
    if panel.high is not None:
        defaults["max"] = panel.high
    steps = [{"color": colour, "value": value} for value, colour in panel.steps or ((None, GREEN),)]
    defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    options: dict[str, Any] = {"reduceOptions": {"calcs": ["lastNotNull"]}}
    if panel.kind == "timeseries":
        defaults["custom"] = {"fillOpacity": 8, "lineWidth": 2, "showPoints": "never", "spanNulls": True}
        options = {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    elif panel.kind == "stat":
        options |= {"colorMode": "value", "graphMode": "area"}
    else:
        options |= {"orientation": "horizontal", "displayMode": "basic"}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {
                "refId": chr(65 + i),
                "datasource": SOURCE,
                "expr": expr,
                "legendFormat": legend,
                "instant": panel.kind != "timeseries",
                **({"exemplar": True} if "end_to_end_seconds_bucket" in expr else {}),
            }
            for i, (expr, legend) in enumerate(panel.queries)
        ],
    }


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for path, text in build():
        path.write_text(text)
