"""Nothing that comes in makes a decoder raise, and what it says of a value is what the contract says."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from driftline.records import DeadLetter, DriftEvent, ModelEvent, Record, RetrainingJob
from tests.fuzz.mutations import FEATURES, KINDS, LABELS, PREDICTIONS, TOKENS, edit
from tests.fuzz.oracle import Values, check_features, check_labels, check_predictions

SEEDS = Path(__file__).parent / "seeds"
CHECKS: dict[str, Callable[[Values], None]] = {
    "features": check_features,
    "labels": check_labels,
    "predictions": check_predictions,
}
edits = st.lists(st.tuples(st.integers(0, KINDS - 1), st.integers(0, 2**20), st.sampled_from(TOKENS)), max_size=4)


def edited(bases: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Valid records after a few edits, most of them nearly valid."""

    def apply(base: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
        for kind, place, token in changes:
            base = edit(base, kind, place, token)
        return base

    return st.builds(apply, st.sampled_from(bases), edits)


def wire(bases: Sequence[bytes]) -> st.SearchStrategy[list[bytes | None]]:
    """Batches of anything."""
    return st.lists(st.none() | st.binary(max_size=60) | edited(bases), max_size=5)


class TestEveryValueIsDecodedAsTheContractSaysOrRefused:
    @settings(max_examples=400)
    @given(wire(FEATURES))
    def test_features(self, values: Values) -> None:
        check_features(values)

    @settings(max_examples=250)
    @given(wire(LABELS))
    def test_labels(self, values: Values) -> None:
        check_labels(values)

    @settings(max_examples=250)
    @given(wire(PREDICTIONS))
    def test_predictions(self, values: Values) -> None:
        check_predictions(values)


class TestSeeds:
    """What atheris has found worth keeping, without atheris."""

    @pytest.mark.parametrize("kind", CHECKS)
    def test_every_seed_passes_the_oracle(self, kind: str) -> None:
        found = [path.read_bytes() for path in sorted((SEEDS / kind).iterdir())]
        assert len(found) >= 10
        for seed in found:
            CHECKS[kind](seed.split(b"\x00\x00"))

    @pytest.mark.parametrize("kind", CHECKS)
    def test_all_in_one_batch(self, kind: str) -> None:
        CHECKS[kind]([path.read_bytes() for path in sorted((SEEDS / kind).iterdir())])

    @pytest.mark.parametrize(
        ("kind", "bases"), [("features", FEATURES), ("labels", LABELS), ("predictions", PREDICTIONS)]
    )
    def test_every_token_at_every_place_of_a_valid_record(self, kind: str, bases: Sequence[bytes]) -> None:
        for base in bases:
            for place in range(0, 60, 5):
                CHECKS[kind](
                    [edit(base, change, place, token) for change in (2, 3) for token in TOKENS[place % 2 :: 2]]
                )


JOB = RetrainingJob.model_validate(
    {
        "job_id": "j",
        "stream": "pumps",
        "requested_by": "policy",
        "reason": "drift",
        "requested_at": 1,
        "champion_version": 1,
        "window": {"features": {"0": [0, 9]}, "labels": {"0": [0, 9]}},
        "labelled_records": 9,
    },
).to_json()
EVENT = ModelEvent.model_validate(
    {"event_id": "e", "stream": "pumps", "kind": "promoted", "version": 2, "at": 1}
).to_json()


class TestWhatIsReadOffTheHotPath:
    """Jobs and model events are read by pydantic: their readers expect its one exception and no other."""

    @settings(max_examples=250)
    @given(
        st.binary(max_size=60) | edited([JOB, EVENT]),
        st.sampled_from([RetrainingJob, ModelEvent, DriftEvent, DeadLetter]),
    )
    def test_a_value_is_read_or_refused_with_a_validation_error(self, value: bytes, model: type[Record]) -> None:
        try:
            read = model.from_json(value)
        except ValidationError:
            return
        assert model.from_json(read.to_json()).to_json() == read.to_json()


class TestWhatTheSearchFound:
    @pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
    @pytest.mark.parametrize("number", ["9" * 4_300, "9" * 4_301, "9" * 4_300 + ".5e38", "-" + "9" * 4_301 + ".5e38"])
    def test_a_number_of_thousands_of_digits_where_nobody_looks(
        self, check: Callable[[Values], None], number: str
    ) -> None:
        for base in (FEATURES[0], LABELS[0], PREDICTIONS[0]):
            check([base.rstrip()[:-1] + b',"more":' + number.encode() + b"}"])
