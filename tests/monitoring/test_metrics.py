from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from driftline.records.acts import Act, ActKind
from driftline.watch.estimated import estimated, in_words
from driftline.watch.scrape import Look
from monitoring.metrics import FEATURES_SHOWN, MonitorMetrics
from monitoring.state import MonitorState
from tests.monitoring.stream import make_spec
from tests.monitoring.test_core import fresh_core, run, world


def seen(registry: CollectorRegistry) -> Look:
    samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return Look("monitor-0", "", True, "", samples=samples)


class TestTheStateIsShown:
    def test_before_anything_happened(self) -> None:
        registry = CollectorRegistry()
        MonitorMetrics(registry, make_spec())
        assert registry.get_sample_value("driftline_monitor_labels_joined_total") == 0
        assert registry.get_sample_value("driftline_monitor_model_version") == 0

    def test_as_the_core_left_it(self) -> None:
        spec = make_spec()
        core, registry = fresh_core(spec), CollectorRegistry()
        metrics = MonitorMetrics(registry, spec)
        run(core, world(spec).batches)
        state = core.state()
        metrics.update(state)

        def value(name: str, **labels: str) -> float | None:
            return registry.get_sample_value(f"driftline_monitor_{name}", labels)

        assert value("accuracy_ratio") == state.accuracy
        assert value("labels_joined_total") == state.join.joined == 1_970
        assert value("label_coverage_ratio") == 1.0
        assert value("f1_ratio", **{"class": "a"}) == state.f1["a"]
        assert 0 < min(state.f1.values()) <= max(state.f1.values()) < 1
        assert value("calibration_error_ratio") == state.calibration_error
        assert value("estimated_accuracy_ratio") == state.estimate.accuracy
        assert value("estimated_accuracy_bound_ratio", bound="low") == state.estimate.low < state.estimate.accuracy
        found = state.classes_since_promotion
        assert value("estimated_f1_ratio", span="version", **{"class": "b"}) == found.f1[1]
        assert value("estimated_f1_bound_ratio", bound="high", **{"class": "b"}) == state.classes.high[1]
        assert value("estimated_macro_f1_ratio", span="window") == state.classes.macro_f1
        assert value("estimated_confusion_ratio", answer="a", truth="c") == found.confusion[0, 2] / 2_000
        assert value("estimate_f1_error_ratio") == state.classes_reconciled.error
        assert value("label_lag_seconds_count") == 1_970
        assert value("label_lag_seconds_sum") == 1_970.0
        assert value("label_lag_seconds_bucket", le="1.0") == 1_970
        assert value("feature_drift_psi", feature="f1") == state.feature_scores["f1"]
        assert value("feature_drift_psi_max") == max(state.feature_scores.values())
        assert value("drift_events_total", kind="concept", severity="alarm") == 1
        assert value("drift_standing", kind="concept") == 1
        assert value("retraining_jobs_total", state="asked") == 1
        assert value("retraining_jobs_open") == 1
        assert value("model_version") == 1
        assert value("info", stream="tests", detector="e-detector") == 1

    def test_a_pause_of_the_policy(self) -> None:
        spec = make_spec()
        core, registry = fresh_core(spec), CollectorRegistry()
        metrics = MonitorMetrics(registry, spec)
        for at, kind, shown in ((1, ActKind.PAUSE, 1), (2, ActKind.RESUME, 0)):
            core.told(Act(act_id=str(at), stream="tests", kind=kind, actor="ada", at=at, result="done"))
            metrics.update(core.state())
            assert registry.get_sample_value("driftline_monitor_policy_paused") == shown

    def test_the_command_line_reads_the_estimates_back(self) -> None:
        spec = make_spec()
        core, registry = fresh_core(spec), CollectorRegistry()
        metrics = MonitorMetrics(registry, spec)
        assert estimated([seen(registry)]) is None
        run(core, world(spec).batches)
        metrics.update(state := core.state())
        found = estimated([Look("consumer-0", "", True, ""), seen(registry)])
        assert found is not None
        assert found["accuracy"] == state.estimate.accuracy and found["low"] == state.estimate.low
        assert found["f1"]["a"]["window"] == state.classes.f1[0]
        assert len(found["confusion"]) == 5 and found["confusion"][0][2] >= found["confusion"][1][2]
        lines = in_words(found)
        assert lines[0].startswith(f"judged without labels: {state.estimate.accuracy:.1%} right")
        assert "weakest classes by F1" in lines[1] and "mixed up" in lines[2]
        assert in_words(None) == []

    def test_in_prometheus_own_format(self) -> None:
        registry = CollectorRegistry()
        MonitorMetrics(registry, make_spec())
        families = list(text_string_to_metric_families(generate_latest(registry).decode()))
        assert all(family.documentation for family in families)
        assert all(family.name.startswith("driftline_monitor_") for family in families)

    def test_a_wide_stream_does_not_swamp_the_server(self) -> None:
        names = [f"f{i}" for i in range(1_000)]
        registry = CollectorRegistry()
        metrics = MonitorMetrics(registry, make_spec([{"name": name, "type": "numeric"} for name in names]))
        metrics.update(MonitorState(feature_scores=dict.fromkeys(names, 0.1) | {"f999": 3.0}))
        text = generate_latest(registry).decode()
        assert text.count("driftline_monitor_feature_drift_psi{") == FEATURES_SHOWN
        assert registry.get_sample_value("driftline_monitor_feature_drift_psi_max") == 3.0
