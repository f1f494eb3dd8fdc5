"""What the consumer's metrics say of its core and of the versions that come and go."""

from prometheus_client import CollectorRegistry

from consumers.metrics import ConsumerMetrics
from driftline.registry.manifest import Champion
from tests.consumers.test_core import core
from tests.streams import NOW, batch, feature_record


def champion(version: int, previous: int | None, changed_at: int = NOW) -> Champion:
    return Champion(version=version, sequence=version, previous_version=previous, changed_at=changed_at, event_id="e")


def before(registry: CollectorRegistry) -> list[float | None]:
    return [registry.get_sample_value("driftline_model_version_before", {"swaps": str(n)}) for n in (1, 2, 3, 4)]


class TestEndToEnd:
    def test_each_answer_counts_from_its_event_time_to_its_commit(self) -> None:
        registry = CollectorRegistry()
        metrics, consumer = ConsumerMetrics(registry), core()
        consumer.process([batch([feature_record([0, 0, 0]), feature_record([1, 0, 0])])], NOW)
        metrics.committed(consumer, NOW + 400)
        assert registry.get_sample_value("driftline_end_to_end_seconds_count") == 2
        assert registry.get_sample_value("driftline_end_to_end_seconds_sum") == 0.8

    def test_a_round_of_dead_letters_counts_nothing_again(self) -> None:
        registry = CollectorRegistry()
        metrics, consumer = ConsumerMetrics(registry), core()
        for values in ([feature_record([0, 0, 0])], [b"{"]):
            consumer.process([batch(values)], NOW)
            metrics.committed(consumer, NOW)
        assert registry.get_sample_value("driftline_end_to_end_seconds_count") == 1


class TestSwaps:
    def test_the_first_version_is_no_swap(self) -> None:
        registry = CollectorRegistry()
        metrics = ConsumerMetrics(registry)
        metrics.installed(champion(1, None, NOW - 86_400_000), NOW)
        assert registry.get_sample_value("driftline_model_swap_seconds_count") == 0
        assert registry.get_sample_value("driftline_model_version") == 1
        assert before(registry) == [None] * 4

    def test_a_swap_takes_from_the_change_of_champion_on(self) -> None:
        registry = CollectorRegistry()
        metrics = ConsumerMetrics(registry)
        metrics.installed(champion(1, None), NOW)
        metrics.installed(champion(2, 1, NOW), NOW + 700)
        assert registry.get_sample_value("driftline_model_swap_seconds_count") == 1
        assert registry.get_sample_value("driftline_model_swap_seconds_sum") == 0.7

    def test_three_versions_before_are_named_also_one_that_was_never_in_service_here(self) -> None:
        registry = CollectorRegistry()
        metrics = ConsumerMetrics(registry)
        metrics.installed(champion(5, 4), NOW)
        assert before(registry) == [4, None, None, None]
        metrics.installed(champion(7, 6), NOW)
        assert before(registry) == [6, 5, 4, None]
        metrics.installed(champion(8, 7), NOW)
        assert before(registry) == [7, 6, 5, None]
