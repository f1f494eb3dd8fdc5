"""What the consumer's core promises: one answer for each record, traceable, in order; the swap lies between batches."""

import base64
import json

import numpy as np
import pytest
from numpy.typing import NDArray

from consumers.core import ConsumerCore, Version, sequence_of
from driftline.kafka.interface import Batch, Outgoing
from driftline.model.answers import Decision
from driftline.model.columns import Columns
from driftline.records import DeadLetter, Prediction, Reason
from driftline.spec import parse_spec
from tests.streams import NOW, batch, feature_record, numeric_stream

SPEC = numeric_stream()


class Nearest:
    """A scorer that is sure of class round(x0)."""

    def score(self, columns: Columns) -> NDArray[np.float32]:
        return np.eye(3, dtype=np.float32)[columns.numeric[:, 0].astype(int)] * 0.8 + np.float32(0.2 / 3)


def version(number: int, sequence: int = 1) -> Version:
    return Version(number, sequence, Nearest(), Decision(SPEC))


def core(number: int = 1, sequence: int = 1) -> ConsumerCore:
    made = ConsumerCore(SPEC)
    made.install(version(number, sequence))
    return made


def sent(outputs: list[Outgoing], topic: str) -> list[tuple[int | None, bytes]]:
    return [(out.partition, value or b"") for out in outputs if out.topic == topic for value in out.values]


class TestOneAnswerEach:
    def test_valid_records_are_answered_and_traceable(self) -> None:
        values: list[bytes | None] = [feature_record([i % 3, 0, 0], f"r{i}") for i in range(5)]
        outputs = core(7).process([batch(values, partition=2, start=10)], NOW).outputs
        predictions = [Prediction.from_json(value) for _, value in sent(outputs, "pumps.predictions")]
        assert [p.record_id for p in predictions] == [f"r{i}" for i in range(5)]
        assert [p.prediction for p in predictions] == ["ok", "worn", "broken", "ok", "worn"]
        assert [(p.source_partition, p.source_offset) for p in predictions] == [(2, 10 + i) for i in range(5)]
        assert {p.model_version for p in predictions} == {7}
        assert {p.scored_at for p in predictions} == {NOW}

    def test_a_prediction_goes_to_its_records_partition_with_its_devices_key(self) -> None:
        outputs = (
            core()
            .process(
                [batch([feature_record([0, 0, 0])], partition=3), batch([feature_record([1, 0, 0])], partition=1)], NOW
            )
            .outputs
        )
        assert [(out.partition, out.keys) for out in outputs] == [(3, [b"d1"]), (1, [b"d1"])]

    def test_bad_records_become_dead_letters_and_the_rest_is_answered(self) -> None:
        values = [feature_record([0, 0, 0], "a"), b"{", feature_record([1, 0], "b"), feature_record([2, 0, 0], "c")]
        made = core()
        outputs = made.process([batch(values, partition=1, start=5)], NOW).outputs
        assert len(sent(outputs, "pumps.predictions")) == 2
        letters = [DeadLetter.from_json(value) for _, value in sent(outputs, "pumps.dead-letters")]
        assert [(x.reason, x.source_offset) for x in letters] == [(Reason.MALFORMED_JSON, 6), (Reason.WRONG_WIDTH, 7)]
        assert base64.b64decode(letters[0].payload_base64) == b"{"
        assert made.counts.dead_letters == {Reason.MALFORMED_JSON: 1, Reason.WRONG_WIDTH: 1}

    def test_a_huge_payload_is_cut_in_its_dead_letter(self) -> None:
        outputs = core().process([batch([b"x" * 100_000])], NOW).outputs
        letter = DeadLetter.from_json(sent(outputs, "pumps.dead-letters")[0][1])
        assert letter.payload_bytes == 100_000
        assert len(base64.b64decode(letter.payload_base64)) == SPEC.serving.dead_letter_payload_bytes

    def test_the_same_batch_gives_the_same_outputs(self) -> None:
        one: list[Batch] = [batch([feature_record([0, 0, 0]), b"bad"])]
        assert core().process(one, NOW) == core().process(one, NOW)


class TestSwap:
    def test_every_prediction_says_which_version_answered(self) -> None:
        made = core(1)
        before = made.process([batch([feature_record([0, 0, 0])])], NOW).outputs
        made.install(version(2, 2))
        after = made.process([batch([feature_record([0, 0, 0])], start=1)], NOW).outputs
        versions = [json.loads(value)["model_version"] for _, value in sent(before + after, "pumps.predictions")]
        assert versions == [1, 2]
        assert made.counts.swaps == 1


class TestFence:
    def test_predictions_and_the_remark_on_their_offsets_name_the_champion(self) -> None:
        step = core(3, sequence=5).process([batch([feature_record([0, 0, 0])])], NOW)
        assert [json.loads(v)["champion_sequence"] for _, v in sent(step.outputs, "pumps.predictions")] == [5]
        assert sequence_of(step.remark) == 5

    def test_no_older_champion_answers_where_a_newer_one_has(self) -> None:
        made = core(1, sequence=1)
        made.remarked(["champion=2", "champion=1"])
        assert not made.open
        made.install(version(2, 2))
        assert made.open

    def test_a_newer_champion_may_follow(self) -> None:
        made = core(2, sequence=3)
        made.remarked(["champion=2"])
        assert made.open

    def test_before_the_first_model_nothing_is_open(self) -> None:
        assert not ConsumerCore(SPEC).open

    @pytest.mark.parametrize(
        "remark", ["", "champion=", "champion=-1", "champion=two", "of somebody else", "champion=²"]
    )
    def test_a_remark_of_somebody_else_raises_no_fence(self, remark: str) -> None:
        made = core(1)
        made.remarked([remark])
        assert made.open


class TestASwapOfVersions:
    def test_swaps_thresholds_too_between_two_batches(self) -> None:
        spec = parse_spec(
            {
                "stream": "pumps",
                "task": "binary",
                "classes": ["ok", "broken"],
                "features": [{"name": "x0", "type": "numeric"}],
            }
        )

        class Unsure:
            """Gives class broken a probability of 0.3, always."""

            def score(self, columns: Columns) -> NDArray[np.float32]:
                return np.tile(np.array([[0.7, 0.3]], np.float32), (len(columns), 1))

        made = ConsumerCore(spec)
        seen: list[tuple[object, float]] = []
        for number, thresholds in ((1, None), (2, (0.25,)), (3, (0.35,))):
            made.install(Version(number, number, Unsure(), Decision(spec, thresholds)))
            outputs = made.process([batch([feature_record([1.0], f"r{number}")])], NOW).outputs
            (value,) = [value for _, value in sent(outputs, "pumps.predictions")]
            prediction = Prediction.from_json(value)
            seen.append((prediction.prediction, round(prediction.confidence, 4)))
        # The confidence is that of the class answered, even where it is the less probable one.
        assert seen == [("ok", 0.7), ("broken", 0.3), ("ok", 0.7)]
