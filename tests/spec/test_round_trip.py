"""What is written is read back, and a model's hash follows what a model depends on."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from driftline.spec import StreamSpec, dump_spec, parse_spec
from tests.spec.made import BASE

names = st.from_regex(r"[^\s\"\\\x00-\x1f\x7f][^\"\\\x00-\x1f\x7f]{0,12}[^\s\"\\\x00-\x1f\x7f]", fullmatch=True).filter(
    lambda name: name.isprintable()
)
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
features = st.one_of(
    st.fixed_dictionaries({"type": st.just("numeric")}, optional={"required": st.booleans()}),
    st.fixed_dictionaries(
        {"type": st.just("categorical"), "categories": st.lists(words, min_size=1, max_size=4)},
        optional={"unknown": st.sampled_from(["dead-letter", "bucket"]), "required": st.booleans()},
    ),
    st.fixed_dictionaries(
        {"type": st.just("text")},
        optional={"max_tokens": st.integers(100, 10**6), "sequence_length": st.integers(1, 1024)},
    ),
)
documents = st.builds(
    lambda stream, classes, named, rest: {
        "stream": stream,
        "classes": classes,
        "features": [{"name": name, **feature} for name, feature in named.items()],
        "label": "the label, which no generated name is",
        **rest,
    },
    st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True),
    st.lists(words, min_size=2, max_size=5, unique=True),
    st.dictionaries(names, features, min_size=1, max_size=6),
    st.fixed_dictionaries(
        {},
        optional={
            "task": st.sampled_from(["multiclass", "multilabel"]),
            "registry": words,
            "kafka": st.fixed_dictionaries({}, optional={"bootstrap": words, "sasl_username": st.none() | words}),
            "serving": st.fixed_dictionaries({}, optional={"batch_size": st.integers(1, 65_536)}),
            "monitoring": st.fixed_dictionaries(
                {},
                optional={
                    "concept": st.fixed_dictionaries(
                        {},
                        optional={
                            "confidence": st.floats(0, 0.5, exclude_min=True, exclude_max=True),
                            "detector": st.sampled_from(["adwin", "ddm", "kswin"]),
                        },
                    ),
                    "policy": st.fixed_dictionaries(
                        {},
                        optional={
                            "retrain_on": st.lists(st.sampled_from(["concept", "data", "prediction"]), max_size=3),
                            "cool_down_records": st.integers(0, 10**9),
                        },
                    ),
                },
            ),
            "training": st.fixed_dictionaries(
                {}, optional={"learning_rate": st.floats(0, 1, exclude_min=True), "refit": st.booleans()}
            ),
        },
    ),
)


class TestRoundTrip:
    @given(document=documents, defaults=st.booleans())
    def test_what_is_written_is_read_back(self, document: dict[str, Any], defaults: bool) -> None:
        spec = parse_spec(document)
        assert parse_spec(yaml.safe_load(dump_spec(spec, defaults=defaults))) == spec

    def test_without_defaults_only_what_differs_is_written(self) -> None:
        written = yaml.safe_load(dump_spec(parse_spec({**BASE, "serving": {"batch_size": 9, "max_wait_ms": 5}})))
        assert list(written) == ["version", "stream", "task", "label", "classes", "features", "serving"]
        assert written["serving"] == {"batch_size": 9}
        assert written["features"][0] == {"name": "temp", "type": "numeric"}

    def test_with_defaults_every_field_is(self) -> None:
        written = yaml.safe_load(dump_spec(parse_spec(BASE), defaults=True))
        assert set(written) == set(StreamSpec.model_fields)
        assert set(written["kafka"]) == set(type(parse_spec(BASE).kafka).model_fields) - {
            "sasl_password",
            "ssl_key_password",
        }
        assert "client_secret" not in written["kafka"]["oauth"]


class TestModelHash:
    @pytest.mark.parametrize(
        "change",
        [
            {"task": "multilabel"},
            {"classes": ["worn", "ok"]},
            {"classes": ["ok", "worn", "broken"]},
            {"features": BASE["features"][:1]},
            {"features": BASE["features"][::-1]},
            {"features": [{"name": "temp", "type": "text"}, BASE["features"][1]]},
            {"features": [BASE["features"][0], {**BASE["features"][1], "categories": ["n", "s"]}]},
            {"features": [{**BASE["features"][0], "name": "Temp"}, BASE["features"][1]]},
        ],
    )
    def test_it_changes_with_what_a_model_depends_on(self, change: dict[str, Any]) -> None:
        assert parse_spec({**BASE, **change}).model_hash != parse_spec(BASE).model_hash

    @pytest.mark.parametrize(
        "change",
        [
            {"stream": "other"},
            {"label": "truth"},
            {"registry": "elsewhere"},
            {"kafka": {"bootstrap": "a:1"}},
            {"serving": {"batch_size": 3}},
            {"training": {"network": {"hidden": [3]}}},
            {"monitoring": {"concept": {"detector": "ddm"}}},
            {"rollout": {"significance": 0.5}},
            {"features": [{**BASE["features"][0], "required": False}, BASE["features"][1]]},
        ],
    )
    def test_and_with_nothing_else(self, change: dict[str, Any]) -> None:
        assert parse_spec({**BASE, **change}).model_hash == parse_spec(BASE).model_hash

    @given(document=documents)
    def test_it_survives_the_file(self, document: dict[str, Any]) -> None:
        spec = parse_spec(document)
        assert parse_spec(yaml.safe_load(dump_spec(spec))).model_hash == spec.model_hash
