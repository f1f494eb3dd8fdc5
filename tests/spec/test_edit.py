"""Settings are written into stream.yaml's text, and everything else in it stays."""

import pytest
import yaml

from driftline.errors import UsageError
from driftline.spec.edit import set_fields

TEXT = """\
# The pumps of hall 3.
stream: pumps   # not 'pump'
classes: [bad, good]

training:
  # Found by hand.
  epochs: 40  # enough
  network:
    hidden:
      - 64  # was 32
      - 32

    dropout: 0.5
  optimizer: {name: adam}

# Rollout.
rollout:
  minimum_gain: 0.01
"""


class TestSetFields:
    def test_values_change_and_comments_stay(self) -> None:
        edited = set_fields(TEXT, {"training.epochs": 7, "training.network.dropout": 0.25})
        assert edited.text == TEXT.replace("epochs: 40", "epochs: 7").replace("dropout: 0.5", "dropout: 0.25")
        assert edited.comments_lost == ()

    def test_a_list_of_lines_becomes_one_and_its_comments_are_told(self) -> None:
        edited = set_fields(TEXT, {"training.network.hidden": [8]})
        assert "    hidden: [8]\n\n    dropout: 0.5\n" in edited.text
        assert edited.comments_lost == ("was 32",)

    def test_new_fields_and_new_sections(self) -> None:
        edited = set_fields(
            TEXT, {"training.learning_rate": 1e-4, "training.optimizer.momentum": 0.8, "training.loss.name": "focal"}
        )
        training = yaml.safe_load(edited.text)["training"]
        assert training["learning_rate"] == 1e-4
        assert training["optimizer"] == {"momentum": 0.8, "name": "adam"}
        assert training["loss"] == {"name": "focal"}
        assert [line for line in TEXT.splitlines() if "#" in line] == [
            line for line in edited.text.splitlines() if "#" in line
        ]

    @pytest.mark.parametrize(
        "text",
        ["a: 1\n", "a: 1", "a: 1\ntraining:\n", "a: 1\ntraining: # nothing yet\nb: 2\n", "a: 1\ntraining: {}\n",
         "a: 1\ntraining: {epochs: 3}\n", "{a: 1}\n", "a: 1\ntraining:\n    network: {hidden: [1,\n      2]}\n"],
    )  # fmt: skip
    def test_wherever_the_section_stands(self, text: str) -> None:
        edited = set_fields(text, {"training.network.hidden": [16, 8], "training.batch_size": 64})
        found = yaml.safe_load(edited.text)
        assert found["a"] == 1
        assert found["training"]["network"]["hidden"] == [16, 8]
        assert found["training"]["batch_size"] == 64
        assert "nothing yet" in edited.text or edited.comments_lost or "#" not in text

    @pytest.mark.parametrize("value", ["a: b", "true", "it's", "class-weights", None, True, 1e-5, [1, [2.5]]])
    def test_any_value_comes_back(self, value: object) -> None:
        assert yaml.safe_load(set_fields(TEXT, {"training.x": value}).text)["training"]["x"] == value

    def test_what_two_fields_share_is_refused(self) -> None:
        shared = "a: &net {hidden: [1]}\ntraining:\n  network: *net\n"
        with pytest.raises(UsageError, match="nothing was written"):
            set_fields(shared, {"training.network.hidden": [2]})
