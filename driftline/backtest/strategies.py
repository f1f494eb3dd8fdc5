"""The strategies that can be compared, and how each is named."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from driftline.errors import UsageError
from driftline.spec.stream import StreamSpec

DETECTORS = ("adwin", "ddm", "eddm", "hddm-a", "hddm-w", "kswin", "page-hinkley")
LEARNERS = ("arf", "hat")
ALL = ("never", "periodic", *DETECTORS, "policy", *LEARNERS, "no-change")
# Those that end soon: a detector may ask for a hundred trainings, and a forest takes a millisecond a record.
DEFAULT = ("never", "periodic", "policy", "no-change")
_GROUPS = {"all": ALL, "detectors": DETECTORS, "default": DEFAULT}
# What `--set` may touch: the rest says what the stream is, and is the same for all.
SECTIONS = ("monitoring", "training", "rollout")

Kind = Literal["never", "periodic", "detector", "policy", "learner", "no-change"]


@dataclass(frozen=True, slots=True)
class Strategy:
    """One line of the comparison, with the specification it runs under."""

    name: str
    kind: Kind
    spec: StreamSpec
    settings: dict[str, Any]

    @property
    def trains(self) -> bool:
        """Whether it is a loop of driftline's own rooms."""
        return self.kind not in ("learner", "no-change")


def named(text: str) -> tuple[str, ...]:
    """The names in `--strategies`.

    >>> named("never, policy")
    ('never', 'policy')

    Raises
    ------
    UsageError : no such strategy.
    """
    names: list[str] = []
    for word in (part.strip() for part in text.split(",")):
        if word in _GROUPS:
            names += _GROUPS[word]
        elif word in ALL:
            names.append(word)
        else:
            raise UsageError(f"--strategies: read {word!r}; allowed: {', '.join((*ALL, *_GROUPS))}")
    return tuple(dict.fromkeys(names))


def kind_of(name: str) -> Kind:
    """What a named strategy is."""
    if name in DETECTORS:
        return "detector"
    if name in LEARNERS:
        return "learner"
    return name  # type: ignore[return-value]


def chosen(spec: StreamSpec, names: Sequence[str], changes: Sequence["Setting"]) -> list[Strategy]:
    """The strategies of a run: the named ones, and the policy once more for each setting.

    Baselines retrain and never recall: recalling is the loop's own.

    Raises
    ------
    UsageError : a learner was asked for and cannot answer this task.
    """
    plain = spec.model_copy(update={"rollout": spec.rollout.model_copy(update={"recall": False})})
    found = []
    for name in names:
        kind = kind_of(name)
        if kind == "learner" and spec.task == "multilabel":
            raise UsageError(f"--strategies: {name} answers one class a record; this stream's task is multilabel")
        if kind == "learner" and not (spec.numeric or spec.categorical):
            raise UsageError(f"--strategies: {name} reads numbers and categories; this stream has texts only")
        found.append(Strategy(name, kind, plain if kind in ("periodic", "detector") else spec, {}))
    found += [Strategy(setting.name, "policy", setting.spec, setting.values) for setting in changes]
    twice = sorted({s.name for s in found if [o.name for o in found].count(s.name) > 1})
    if twice:
        raise UsageError(f"--set: {twice[0]!r} names two strategies; name them apart: --set 'NAME: KEY=VALUE'")
    return found


@dataclass(frozen=True, slots=True)
class Setting:
    """A `--set`: fields of the specification and what they are to be."""

    name: str
    values: dict[str, Any]
    spec: StreamSpec
