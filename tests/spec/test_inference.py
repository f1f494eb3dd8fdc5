"""What `driftline init` reads out of a data file."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from driftline.errors import UsageError
from driftline.inference import Inferred, infer_spec, stream_name
from driftline.spec import CategoricalFeature, TextFeature, dump_spec, parse_spec

N = 400
RANDOM = np.random.default_rng(1)


def text_frame(columns: dict[str, Sequence[object]]) -> pd.DataFrame:
    """As `read_table` gives a CSV: strings, and None where missing."""
    return pd.DataFrame(
        {name: [None if c is None else str(c) for c in cells] for name, cells in columns.items()}, dtype=object
    )


def infer(columns: dict[str, Sequence[object]], **options: object) -> Inferred:
    return infer_spec(text_frame(columns), "s", **options)  # type: ignore[arg-type]


def readings() -> list[float]:
    return RANDOM.normal(size=N).round(4).tolist()


def kinds(inferred: Inferred) -> dict[str, str]:
    return {feature.name: feature.type for feature in inferred.spec.features}


def said(inferred: Inferred, *words: str) -> bool:
    return any(all(word in note for word in words) for note in inferred.notes)


LABEL = [("a", "b", "c")[i % 3] for i in RANDOM.permutation(N)]


class TestTheLabelIsFound:
    @pytest.mark.parametrize("name", ["label", "Class", "TARGET", "y", "ground truth"])
    def test_by_its_name(self, name: str) -> None:
        inferred = infer({name: LABEL, "x": readings(), "z": readings()})
        assert inferred.spec.label == name
        assert kinds(inferred) == {"x": "numeric", "z": "numeric"}

    def test_else_the_last_column_with_a_note(self) -> None:
        inferred = infer({"x": readings(), "what": LABEL})
        assert inferred.spec.label == "what"
        assert said(inferred, '"what"', "as the last one")

    def test_as_asked(self) -> None:
        assert infer({"label": readings(), "x": LABEL}, label="x").spec.label == "x"

    @pytest.mark.parametrize(
        ("label", "says"),
        [
            (readings(), "a label has at most"),
            (["a"] * N, "one value only, 'a'"),
            ([None] * N, "holds no value"),
            ([f"n{i}" for i in range(N)], "a class stands in several rows"),
        ],
    )
    def test_what_is_no_label_is_refused(self, label: list[object], says: str) -> None:
        with pytest.raises(UsageError, match=says):
            infer({"x": readings(), "label": label})

    def test_a_name_that_is_not_there(self) -> None:
        with pytest.raises(UsageError, match="did you mean 'label'"):
            infer({"x": readings(), "label": LABEL}, label="lable")


class TestTheClassesAreInOrder:
    def test_numbers_by_value(self) -> None:
        inferred = infer({"x": readings(), "label": [("11", "2", "3")[i % 3] for i in range(N)]})
        assert (inferred.spec.task, inferred.spec.classes) == ("multiclass", ("2", "3", "11"))

    @pytest.mark.parametrize(
        ("values", "classes"),
        [
            (("1", "0"), ("0", "1")),
            (("UP", "DOWN"), ("DOWN", "UP")),
            (("True", "False"), ("false", "true")),
            (("normal", "surge"), ("normal", "surge")),
            (("fail", "zero"), ("zero", "fail")),
        ],
    )
    def test_the_positive_one_last_by_its_word(self, values: tuple[str, str], classes: tuple[str, str]) -> None:
        inferred = infer({"x": readings(), "label": [values[i % 2] for i in range(N)]})
        assert (inferred.spec.task, inferred.spec.classes) == ("binary", classes)

    def test_the_positive_one_last_by_its_rarity(self) -> None:
        inferred = infer({"x": readings(), "label": ["apple" if i % 10 == 0 else "pear" for i in range(N)]})
        assert inferred.spec.classes == ("pear", "apple")

    def test_missing_labels_are_no_class(self) -> None:
        inferred = infer({"x": readings(), "label": [None if i < 40 else LABEL[i] for i in range(N)]})
        assert inferred.spec.classes == ("a", "b", "c")
        assert said(inferred, "40 of 400 rows have no label")

    def test_labels_with_spaces_survive_the_file(self) -> None:
        inferred = infer({"x": readings(), "label": [("sitting down", "no", "2", "a: b")[i % 4] for i in range(N)]})
        assert parse_spec(__import__("yaml").safe_load(dump_spec(inferred.spec))) == inferred.spec

    def test_multilabel_columns(self) -> None:
        heat = [int(i % 7 == 0) for i in range(N)]
        wear = [int(i % 5 == 0) for i in range(N)]
        either = [int(a or b) for a, b in zip(heat, wear, strict=True)]
        inferred = infer({"x": readings(), "failed": either, "heat": heat, "wear": wear}, multilabel=("heat", "wear"))
        assert (inferred.spec.task, inferred.spec.classes) == ("multilabel", ("heat", "wear"))
        assert said(inferred, "leakage?", '"failed"', "100.0%")
        left = infer(
            {"x": readings(), "f": either, "heat": heat, "wear": wear}, multilabel=("heat", "wear"), exclude=["f"]
        )
        assert kinds(left) == {"x": "numeric"}

    def test_multilabel_in_one_column(self) -> None:
        inferred = infer(
            {"x": readings(), "faults": [(None, "heat", "wear;heat")[i % 3] for i in range(N)]}, multilabel=["faults"]
        )
        assert (inferred.spec.label, inferred.spec.classes) == ("faults", ("heat", "wear"))


class TestEachColumnIsWhatItHolds:
    def test_numbers(self) -> None:
        broken = ["ERR" if i in (17, 90) else v for i, v in enumerate(readings())]
        sparse = [None if i % 3 else v for i, v in enumerate(readings())]
        inferred = infer({"whole": [i % 7 for i in range(N)], "b": broken, "s": sparse, "label": LABEL})
        assert kinds(inferred) == {"whole": "numeric", "b": "numeric", "s": "numeric"}
        assert said(inferred, '"b"', "2 cells", "'ERR' in row 17")
        assert said(inferred, '"s"', "mostly missing (266 of 400 rows)")

    def test_categories(self) -> None:
        columns = {
            "mode": ["auto" if i % 2 else "hand" for i in range(N)],
            "flag": [bool(i % 3) for i in range(N)],
            "zip": [f"00{i % 9}" for i in range(N)],
            "rare": [f"only{i}" if i < 3 else f"v{i % 4}" for i in range(N)],
            "label": LABEL,
        }
        features = {f.name: f for f in infer(columns).spec.features}
        assert all(isinstance(feature, CategoricalFeature) for feature in features.values())
        assert features["mode"].categories == ("auto", "hand")  # type: ignore[union-attr]
        assert features["flag"].categories == ("false", "true")  # type: ignore[union-attr]
        assert features["mode"].unknown == "dead-letter"  # type: ignore[union-attr]
        assert features["rare"].unknown == "bucket"  # type: ignore[union-attr]

    def test_whole_numbers_that_a_typed_file_holds_as_strings(self) -> None:
        frame = pd.DataFrame(
            {
                "code": [str(i % 5) for i in range(N)],
                "x": readings(),
                "on": [i % 2 == 0 for i in range(N)],
                "label": LABEL,
            }
        )
        assert kinds(infer_spec(frame, "s")) == {"code": "categorical", "x": "numeric", "on": "categorical"}

    def test_texts(self) -> None:
        words = ["pump", "valve", "leaks", "hot", "cold", "noise", "again", "today"]
        notes = [" ".join(RANDOM.choice(words, size=5 + i % 9)) for i in range(N)]
        (feature,) = infer({"note": notes, "label": LABEL}).spec.features
        assert isinstance(feature, TextFeature)
        assert feature.sequence_length == 16

    def test_what_is_left_out_is_said(self) -> None:
        inferred = infer(
            {
                "UDI": range(1, N + 1),
                "order_id": RANDOM.permutation(N * 9)[:N].tolist(),
                "serial": [f"M{i:05d}" for i in range(N)],
                "same": ["x"] * N,
                "zero": [0] * N,
                "empty": [None] * N,
                "day": [f"2024-01-{i % 28 + 1:02d}" for i in range(N)],
                "x": readings(),
                "label": LABEL,
            }
        )  # fmt: skip
        assert kinds(inferred) == {"x": "numeric"}
        for column, reason in [
            ("UDI", "counts the rows (400 distinct of 400)"), ("order_id", "an identifier (400 distinct of 400)"),
            ("serial", "an identifier"), ("same", "constant"), ("zero", "constant"), ("empty", "no cell holds a value"),
            ("day", "dates and times"),
        ]:  # fmt: skip
            assert said(inferred, f'"{column}"', "left out", reason)

    def test_nothing_left_is_refused_with_the_reasons(self) -> None:
        with pytest.raises(UsageError, match=r"(?s)no column is left.*constant"):
            infer({"same": ["x"] * N, "label": LABEL})

    def test_who_and_when_are_no_features(self) -> None:
        inferred = infer(
            {
                "Device ID": [f"pump {i % 4}" for i in range(N)],
                "Timestamp": [1_700_000_000 + i * 7 // 2 for i in range(N)],
                "x": readings(),
                "label": LABEL,
            }
        )
        assert (inferred.device_column, inferred.time_column) == ("Device ID", "Timestamp")
        assert kinds(inferred) == {"x": "numeric"}

    def test_a_measurement_with_such_a_name_is_a_feature(self) -> None:
        inferred = infer({"sensor": readings(), "time": [i * 7919 % 100 for i in range(N)], "label": LABEL})
        assert kinds(inferred) == {"sensor": "numeric", "time": "numeric"}

    def test_a_column_that_says_the_label_is_pointed_at(self) -> None:
        inferred = infer({"x": readings(), "code": [{"a": 7, "b": 8, "c": 9}[v] for v in LABEL], "label": LABEL})
        assert said(inferred, "leakage?", '"code"', "one to one")
        assert not said(inferred, "leakage?", '"x"')


class TestTheStreamsName:
    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("insects_gradual.csv.gz", "insects_gradual"),
            ("a/My Data.PARQUET", "my-data"),
            ("---.csv", "stream"),
            ("Ä.csv", "stream"),
            ("x" * 99 + ".csv", "x" * 63),
        ],
    )
    def test_from_the_files(self, path: str, name: str) -> None:
        assert stream_name(path) == name
