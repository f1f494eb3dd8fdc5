"""`--set`: the policy once more, with other settings."""

import re
import shlex
from typing import Any

import yaml

from driftline.backtest.strategies import SECTIONS, Setting
from driftline.errors import UsageError
from driftline.spec.load import dump_spec, parse_spec
from driftline.spec.stream import StreamSpec

_FORM = "'[NAME:] KEY=VALUE [KEY=VALUE …]', such as 'monitoring.policy.minimum_labels=300'"


def setting(spec: StreamSpec, text: str) -> Setting:
    """Read one `--set`.

    Without a name of its own it is called after what it sets: `policy minimum_labels=300`.

    Raises
    ------
    UsageError : it cannot be read, or names a field that is not there or not to be changed here.
    SpecError : a value is not allowed.
    """
    name, rest = "", text
    if found := re.match(r"\s*([^=\s:][^=:]*):\s+(.*)", text, re.DOTALL):
        name, rest = found.group(1).strip(), found.group(2)
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise UsageError(f"--set: read {text!r}: {error}; expected {_FORM}") from None
    values: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key or not value:
            raise UsageError(f"--set: read {word!r}; expected {_FORM}")
        if key.split(".")[0] not in SECTIONS or "." not in key:
            raise UsageError(f"--set: read {key!r}; allowed: a field of {', '.join(SECTIONS)}")
        try:
            values[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UsageError(f"--set: {key}: read {value!r}, which is not valid YAML") from None
    if not values:
        raise UsageError(f"--set: read {text!r}; expected {_FORM}")
    document = yaml.safe_load(dump_spec(spec))
    for key, value in values.items():
        _put(document, key.split("."), value)
    short = ", ".join(f"{key.rpartition('.')[2]}={_shown(value)}" for key, value in values.items())
    return Setting(name or f"policy {short}", values, parse_spec(document, source=f"--set {text!r}"))


def _put(document: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        below = document.setdefault(key, {})
        if not isinstance(below, dict):
            raise UsageError(f"--set: {'.'.join(keys)}: {key} is no section")
        document = below
    document[keys[-1]] = value


def _shown(value: Any) -> str:
    return str(yaml.safe_dump(value, default_flow_style=True)).splitlines()[0]
