"""The histogram of batches counts as prometheus-client's own, which takes one value at a time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from driftline.service.latency import LATENCIES, LatencyHistogram

MILLISECONDS = st.one_of(st.sampled_from([round(bound * 1_000) for bound in LATENCIES]), st.integers(0, 10_000_000))


def samples(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("le", "")): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


@given(st.lists(st.lists(MILLISECONDS, max_size=20).map(lambda few: few * 300), max_size=5))
def test_it_counts_as_the_library_does(batches: list[list[int]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    mine = LatencyHistogram("waited_seconds", "Waited.", ours)
    library = Histogram("waited_seconds", "Waited.", registry=theirs, buckets=LATENCIES)
    for batch in batches:
        mine.observe(np.array(batch, dtype=np.int64))
        for value in batch:
            library.observe(value / 1_000)
    found, expected = samples(ours), samples(theirs)
    assert found.keys() == expected.keys()
    assert np.allclose([found[key] for key in expected], list(expected.values()))


def test_a_clock_that_is_ahead_counts_as_no_time() -> None:
    registry = CollectorRegistry()
    LatencyHistogram("waited_seconds", "Waited.", registry).observe(np.array([-5_000, 1_000]))
    assert registry.get_sample_value("waited_seconds_sum") == 1.0
    assert registry.get_sample_value("waited_seconds_bucket", {"le": "0.005"}) == 1


def test_a_bucket_shows_the_newest_trace_in_it() -> None:
    registry = CollectorRegistry()
    histogram = LatencyHistogram("waited_seconds", "Waited.", registry)
    histogram.observe(np.array([3, 40, 40, 9_000_000]), {0: 1, 1: 2, 2: 3, 3: 4})
    text = openmetrics.generate_latest(registry).decode()
    found = {
        sample.labels["le"]: (sample.exemplar.labels["trace_id"], sample.exemplar.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.exemplar is not None
    }
    assert found == {
        "0.005": (f"{1:032x}", 0.003),
        "0.05": (f"{3:032x}", 0.04),
        "+Inf": (f"{4:032x}", 9_000.0),
    }
