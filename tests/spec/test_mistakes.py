"""Each mistake in a specification is named with its field, what was read, and its remedy."""

from typing import Any

import pytest
import yaml

from tests.spec.made import BASE, NUMBER, TOP, complaint


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
