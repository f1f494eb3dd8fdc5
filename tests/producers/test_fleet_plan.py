"""A fleet's plan is read as written, or refused with the reason."""

import pytest

from driftline.errors import UsageError
from driftline.spec import CategoricalFeature, NumericFeature, StreamSpec
from producers.delay import LabelDelay
from producers.fleet.plan import parse_fleet

SPEC = StreamSpec(
    stream="s",
    classes=("a", "b", "c"),
    features=(NumericFeature(name="temp"), CategoricalFeature(name="mode", categories=("x", "y"))),
)
SILENT = SPEC.model_copy(update={"features": SPEC.features[1:]})


class TestReadAsWritten:
    def test_a_whole_plan(self) -> None:
        plan = parse_fleet(
            """
            devices: 20
            records: 9000
            rate: max
            label_delay: 5s
            drift:
              - {at: 5000, kind: gradual, target: concept, width: 500, magnitude: 0.5}
              - {at: 7000, target: data, features: [temp]}
            faults:
              - {at: 100, until: 200, device: device-3, kind: stuck, features: [temp]}
            """
        )
        plan.check(SPEC)
        assert (plan.devices, plan.records, plan.delivery().rate) == (20, 9000, None)
        assert plan.delivery().label_delay == LabelDelay(5, "seconds")
        assert [(d.kind, d.target, d.size) for d in plan.drift] == [
            ("gradual", "concept", 0.5),
            ("abrupt", "data", 2.0),
        ]

    def test_nothing_is_a_plan(self) -> None:
        assert parse_fleet("").drift == ()


class TestRefusedWithTheReason:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("drift: [{at: 5, kind: sudden}]", "drift[0].kind: read 'sudden'"),
            ("drift: [{kind: abrupt}]", "drift[0].at: required"),
            ("drift: [{at: 5, widht: 3}]", "drift[0].widht: no such field"),
            ("drift: [{at: 5, magnitude: 2}]", "drift[0].magnitude: read 2; for target concept a share"),
            ("drift: [{at: 5, features: [temp]}]", "drift[0].features: only a drift of target data"),
            ("faults: [{at: 5, until: 5, kind: stuck}]", "faults[0].until: read 5; allowed: more than at"),
            ("devices: 0", "devices: read 0"),
            ("label_delay: soon", "label delay: read 'soon'"),
            ("rate: 0", "rate: read 0"),
            ("rate: fast", "rate: read 'fast'"),
            ("[1, 2]", "expected a mapping"),
            ("a: [", "not valid YAML"),
        ],
    )
    def test_the_document(self, text: str, says: str) -> None:
        with pytest.raises(UsageError) as caught:
            parse_fleet(text)
        assert says in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "spec", "says"),
        [
            ("drift: [{at: 5, target: data, features: [mode]}]", SPEC, "drift[0].features: read 'mode'"),
            ("drift: [{at: 5, target: data}]", SILENT, "data moves numeric features, and s has none"),
            ("faults: [{at: 5, kind: stuck, features: [tmp]}]", SPEC, "faults[0].features: read 'tmp'"),
            ("faults: [{at: 5, kind: spikes, features: [mode]}]", SPEC, "not a numeric feature"),
            ("faults: [{at: 5, kind: stuck, device: device-8}]", SPEC, "device-0 to device-7"),
        ],
    )
    def test_against_the_stream(self, text: str, spec: StreamSpec, says: str) -> None:
        with pytest.raises(UsageError) as caught:
            parse_fleet(text).check(spec)
        assert says in str(caught.value)
