"""What reading a specification promises: nothing ignored, and each mistake named with its field and its remedy."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import SpecError
from driftline.spec import StreamSpec, dump_spec, load_spec, parse_spec

BASE: dict[str, Any] = {
    "stream": "pumps",
    "classes": ["ok", "worn"],
    "features": [{"name": "temp", "type": "numeric"}, {"name": "site", "type": "categorical", "categories": ["n"]}],
}
TOP = (
    "version, stream, task, label, classes, features, registry, kafka, serving, monitoring, training, rollout, alerts, "
    "notify, observability"
)
NUMBER = {"name": "x", "type": "numeric"}


def complaint(document: Any, environ: dict[str, str] | None = None) -> list[str]:
    """The lines of the error, without the source's."""
    with pytest.raises(SpecError) as caught:
        parse_spec(document, environ, source="stream.yaml")
    said = str(caught.value)
    assert "Traceback" not in said
    assert "pydantic" not in said
    assert "StreamSpec" not in said
    head, *lines = said.split("\n")
    if head != "stream.yaml:":
        return [head, *lines]
    return [line.removeprefix("  ") for line in lines]


class TestEachMistakeIsNamed:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            # a field that is not there
            ({"sereving": {}}, "sereving: no such field; did you mean serving?"),
            ({"zzz": 1}, f"zzz: no such field; allowed here: {TOP}"),
            ({7: 1}, f"7: no such field; allowed here: {TOP}"),
            ({"numeric": 1}, f"numeric: no such field; allowed here: {TOP}"),
            ({"serving": {"batchsize": 1}}, "serving.batchsize: no such field; did you mean batch_size?"),
            (
                {"training": {"network": {"hiden": [4]}}},
                "training.network.hiden: no such field; did you mean hidden?",
            ),
            (
                {"monitoring": {"policy": {"cooldown_records": 4}}},
                "monitoring.policy.cooldown_records: no such field; did you mean cool_down_records?",
            ),
            (
                {"features": [{**NUMBER, "requird": True}]},
                "features[0].requird: no such field; did you mean required?",
            ),
            (
                {"features": [{**NUMBER, "text": 1}]},
                "features[0].text: no such field; allowed here: name, required, type, transform, period, clip",
            ),
            # a feature of no kind
            (
                {"features": [{"name": "x", "type": "numerc"}]},
                "features[0].type: read 'numerc'; allowed: numeric, categorical, text; did you mean numeric?",
            ),
            (
                {"features": [{"name": "x", "type": "blob"}]},
                "features[0].type: read 'blob'; allowed: numeric, categorical, text",
            ),
            (
                {"features": [NUMBER, {"name": "y"}]},
                "features[1].type: required, and not there; allowed: numeric, categorical, text",
            ),
            # a wrong type
            ({"features": ["x"]}, "features[0]: read 'x'; expected a mapping of fields"),
            ({"features": "x"}, "features: read 'x'; expected a list"),
            ({"features": {"x": "numeric"}}, "features: read {'x': 'numeric'}; expected a list"),
            ({"kafka": None}, "kafka: read None; expected a mapping of fields"),
            ({"kafka": "host:9092"}, "kafka: read 'host:9092'; expected a mapping of fields"),
            ({"serving": {"batch_size": "many"}}, "serving.batch_size: read 'many'; expected a whole number"),
            ({"serving": {"batch_size": 12.5}}, "serving.batch_size: read 12.5; expected a whole number"),
            ({"serving": {"batch_size": [1]}}, "serving.batch_size: read [1]; expected a whole number"),
            ({"training": {"learning_rate": "fast"}}, "training.learning_rate: read 'fast'; expected a number"),
            ({"training": {"refit": "maybe"}}, "training.refit: read 'maybe'; expected true or false"),
            ({"label": 3}, 'label: read 3; expected text; in quotes it is: "3"'),
            ({"label": None}, "label: read None; expected text"),
            # out of range
            ({"serving": {"batch_size": 0}}, "serving.batch_size: read 0; allowed: greater than or equal to 1"),
            ({"training": {"holdout": 0.9}}, "training.holdout: read 0.9; allowed: less than 0.9"),
            (
                {"training": {"learning_rate": -0.1}},
                "training.learning_rate: read -0.1; allowed: greater than 0",
            ),
            ({"features": []}, "features: read []; expected at least 1 in the list"),
            ({"task": "multi"}, "task: read 'multi'; allowed: 'binary', 'multiclass' or 'multilabel'"),
            ({"version": 2}, "version: read 2; allowed: 1"),
            (
                {"monitoring": {"policy": {"retrain_on": ["data", "x"]}}},
                "monitoring.policy.retrain_on[1]: read 'x'; allowed: 'concept', 'data', 'prediction' or 'prior'",
            ),
            (
                {"stream": "My Pumps"},
                "stream: read 'My Pumps'; allowed: 1 to 63 of a-z, 0-9, - and _, the first a letter or a digit",
            ),
            (
                {"features": [{**NUMBER, "name": " x"}]},
                "features[0].name: read ' x'; allowed: 1 to 128 characters, no white space at either end, no control "
                'character, no " and no \\',
            ),
            # what does not go together
            ({"features": [NUMBER, NUMBER]}, "features: each name once; x stands more than once"),
            ({"classes": ["a", "a"]}, "classes: each class once"),
            (
                {"label": "temp"},
                "label: 'temp' is also a feature; a model must not be given its own answer",
            ),
            (
                {"task": "binary", "classes": ["a", "b", "c"]},
                "classes: a binary task has two classes (negative, positive), not 3",
            ),
            ({"classes": ["a"]}, "classes: a multiclass task has at least two classes"),
        ],
    )
    def test_with_what_was_read_and_what_is_allowed(self, change: dict[Any, Any], said: str) -> None:
        assert complaint({**BASE, **change}) == [said]

    @pytest.mark.parametrize("field", ["stream", "classes", "features"])
    def test_what_is_missing(self, field: str) -> None:
        assert complaint({k: v for k, v in BASE.items() if k != field}) == [f"{field}: required, and not there"]

    def test_a_field_of_a_feature_that_is_missing(self) -> None:
        assert complaint({**BASE, "features": [{"name": "x", "type": "categorical", "categores": ["a"]}]}) == [
            "features[0].categories: required, and not there",
            "features[0].categores: no such field; did you mean categories?",
        ]

    def test_all_of_them_at_once(self) -> None:
        said = complaint({**BASE, "tsk": "binary", "serving": {"batch_size": 0, "max_wait": 3}})
        assert sorted(line.split(":")[0] for line in said) == ["serving.batch_size", "serving.max_wait", "tsk"]

    @pytest.mark.parametrize(
        ("written", "quoted"), [("[0, 1]", ["0", "1"]), ("[no, yes]", ["false", "true"]), ("[1.5, x]", ["1.5"])]
    )
    def test_what_yaml_does_not_take_for_text(self, written: str, quoted: list[str]) -> None:
        said = complaint({**BASE, "classes": yaml.safe_load(written)})
        assert [line.rsplit(": ", 1)[1] for line in said] == [f'"{word}"' for word in quoted]
        assert said[0].startswith("classes[0]: read ")

    def test_a_long_value_is_cut(self) -> None:
        (line,) = complaint({**BASE, "serving": {"batch_size": "x" * 10_000}})
        assert len(line) < 150


class TestFiles:
    def refused(self, path: Path) -> str:
        with pytest.raises(SpecError) as caught:
            load_spec(path, {})
        return str(caught.value)

    def test_no_such_file_says_how_to_make_one(self, tmp_path: Path) -> None:
        path = tmp_path / "stream.yaml"
        assert self.refused(path) == f"{path}: no such file. `driftline init DATA.csv` writes one from a data file."

    def test_a_folder(self, tmp_path: Path) -> None:
        assert self.refused(tmp_path) == f"{tmp_path}: cannot be read: Is a directory"

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "expected a mapping of fields, read nothing"),
            (b"# only a comment\n", "expected a mapping of fields, read nothing"),
            (b"- a\n- b\n", "expected a mapping of fields, read ['a', 'b']"),
            (b"just words", "expected a mapping of fields, read 'just words'"),
            (b"stream: \xff\xfe", "not UTF-8: byte 8 cannot be read"),
            (b"a: [1,\nb: 2", "not valid YAML: line 2, column 5: expected ',' or ']', but got '<stream end>'"),
            (b"a: 1\n b: 2", "not valid YAML: line 2, column 3: mapping values are not allowed here"),
            (b"a:\n\t- b", "not valid YAML: line 2, column 1: found character '\\t' that cannot start any token"),
            (b"a: \x01", "not valid YAML: unacceptable character #x0001: special characters are not allowed"),
            (b"a: 2024-13-45", "not valid YAML: month must be in 1..12"),
            (b"a: " + b"[" * 1_500, "not valid YAML: nested too deep"),
            (
                b"a: !!python/object:os.system x",
                "not valid YAML: line 1, column 4: could not determine a constructor for the tag "
                "'tag:yaml.org,2002:python/object:os.system'",
            ),
        ],
    )
    def test_what_is_no_specification(self, tmp_path: Path, content: bytes, said: str) -> None:
        path = tmp_path / "stream.yaml"
        path.write_bytes(content)
        heard = self.refused(path)
        assert heard == f"{path}: {said}" or heard.startswith(f"{path}: {said}")
        assert "<unicode string>" not in heard

    def test_the_file_is_named_before_its_problems(self, tmp_path: Path) -> None:
        path = tmp_path / "stream.yaml"
        path.write_text(yaml.safe_dump({**BASE, "tsk": 1, "serving": {"batch_size": 0}}))
        first, *rest = self.refused(path).split("\n")
        assert first == f"{path}:"
        assert len(rest) == 2
        assert all(line.startswith("  ") for line in rest)


class TestSecrets:
    def test_a_password_in_the_file_is_refused_and_not_repeated(self) -> None:
        (line,) = complaint({**BASE, "kafka": {"sasl_password": "hunter2"}})
        assert line == (
            "stream.yaml: kafka.sasl_password: a secret does not belong in this file; "
            "set the environment variable DRIFTLINE_KAFKA__SASL_PASSWORD, or name a file that holds it: "
            "kafka.sasl_password_file"
        )

    def test_from_the_environment_it_is_taken_as_it_stands_and_never_shown(self) -> None:
        spec = parse_spec(BASE, {"DRIFTLINE_KAFKA__SASL_PASSWORD": "0123: [x"})
        assert spec.kafka.sasl_password is not None
        assert spec.kafka.sasl_password.get_secret_value() == "0123: [x"
        assert "0123" not in dump_spec(spec, defaults=True)
        assert "0123" not in repr(spec)


class TestEnvironment:
    def test_it_overrides_the_file_at_any_depth(self) -> None:
        spec = parse_spec(
            {**BASE, "serving": {"batch_size": 8, "max_wait_ms": 3}},
            {
                "DRIFTLINE_SERVING__BATCH_SIZE": "64",
                "DRIFTLINE_MONITORING__POLICY__MINIMUM_LABELS": "77",
                "DRIFTLINE_TRAINING__NETWORK__HIDDEN": "[8, 4]",
                "DRIFTLINE_KAFKA__BOOTSTRAP": "a:1,b:2",
                "DRIFTLINE_CLASSES": "[a, b, c]",
            },
        )
        assert (spec.serving.batch_size, spec.serving.max_wait_ms) == (64, 3)
        assert spec.monitoring.policy.minimum_labels == 77
        assert spec.training.network.hidden == (8, 4)
        assert spec.kafka.bootstrap == "a:1,b:2"
        assert spec.classes == ("a", "b", "c")

    def test_the_document_given_is_not_changed(self) -> None:
        document = {**BASE, "serving": {"batch_size": 8}}
        parse_spec(document, {"DRIFTLINE_SERVING__BATCH_SIZE": "9"})
        assert document["serving"] == {"batch_size": 8}

    def test_other_variables_are_let_be(self) -> None:
        environ = {"HOME": "/", "DRIFTLINE_SPEC": "x", "DRIFTLINE_LOG": "debug", "DRIFTLINE_REQUIRE_KAFKA": "1"}
        assert parse_spec(BASE, environ) == parse_spec(BASE)

    @pytest.mark.parametrize(
        ("variable", "value", "said"),
        [
            (
                "DRIFTLINE_SERVING__BATCH_SIZE",
                "0",
                "serving.batch_size: read 0 (from the environment variable DRIFTLINE_SERVING__BATCH_SIZE); "
                "allowed: greater than or equal to 1",
            ),
            (
                "DRIFTLINE_SERVING__BATCHSIZE",
                "1",
                "serving.batchsize: no such field; did you mean batch_size? "
                "(from the environment variable DRIFTLINE_SERVING__BATCHSIZE)",
            ),
            (
                "DRIFTLINE_SERVING",
                "{batch_size: many}",
                "serving.batch_size: read 'many' (from the environment variable DRIFTLINE_SERVING); "
                "expected a whole number",
            ),
            (
                "DRIFTLINE_CLASSES",
                "[a]",
                "classes: a multiclass task has at least two classes (from the environment variable DRIFTLINE_CLASSES)",
            ),
            (
                "DRIFTLINE_FEATURES",
                "[{name: x, type: num}]",
                "features[0].type: read 'num' (from the environment variable DRIFTLINE_FEATURES); "
                "allowed: numeric, categorical, text; did you mean numeric?",
            ),
            (
                "DRIFTLINE_SERVNG__BATCH_SIZE",
                "1",
                "environment variable DRIFTLINE_SERVNG__BATCH_SIZE: servng: no such field; did you mean serving?",
            ),
            (
                "DRIFTLINE_STREAM__NAME",
                "x",
                "environment variable DRIFTLINE_STREAM__NAME: stream is not a section",
            ),
            (
                "DRIFTLINE_TRAINING__EPOCHS",
                "[1",
                "environment variable DRIFTLINE_TRAINING__EPOCHS: not valid YAML: line 1, column 3: expected ',' or "
                "']', but got '<stream end>'",
            ),
        ],
    )
    def test_a_mistake_there_names_the_variable(self, variable: str, value: str, said: str) -> None:
        assert complaint(BASE, {variable: value}) == [said]


# -- round trip -------------------------------------------------------------------------------------------------------

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
