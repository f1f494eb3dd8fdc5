"""Where a specification is read from: a file, with secrets and overrides from the environment."""

from pathlib import Path

import pytest
import yaml

from driftline.errors import SpecError
from driftline.spec import dump_spec, load_spec, parse_spec
from tests.spec.made import BASE, complaint


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
