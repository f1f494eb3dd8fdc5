"""Setting fields in the text of `stream.yaml`, and leaving every other character, comments among them, as it is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from driftline.errors import UsageError


@dataclass(frozen=True, slots=True)
class Edited:
    """The new text.

    Attributes
    ----------
    comments_lost : comments that stood inside a value which was replaced, such as between the items of a list.
    """

    text: str
    comments_lost: tuple[str, ...]


def set_fields(text: str, values: Mapping[str, Any]) -> Edited:
    """Set fields by path, such as 'training.network.dropout'.

    The text is changed at the places of the values, and read again: it must say what was asked, and else what it said.

    Raises
    ------
    UsageError : it does not; an anchor that several fields share cannot be changed in one place.
    """
    wanted = _unshared(yaml.safe_load(text))
    lost: list[str] = []
    for path, value in values.items():
        keys = path.split(".")
        _put(wanted, keys, value)
        text = _set(text, keys, value, lost)
    try:
        agrees = yaml.safe_load(text) == wanted
    except yaml.YAMLError:
        agrees = False
    if not agrees:
        raise UsageError(
            f"{', '.join(values)}: cannot be set in this file's text without changing something else; "
            "nothing was written, write them by hand"
        )
    return Edited(text, tuple(lost))


def _set(text: str, keys: list[str], value: Any, lost: list[str]) -> str:
    mapping: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for depth, key in enumerate(keys):
        entry = next(((k, v) for k, v in mapping.value if k.value == key), None)
        if entry is None:
            return _insert(text, mapping, keys[depth:], value)
        name, found = entry
        empty = not isinstance(found, yaml.MappingNode) or not found.value
        if depth == len(keys) - 1 or empty:
            for below in reversed(keys[depth + 1 :]):
                value = {below: value}
            return _replace(text, name, found, value, lost)
        mapping = found
    raise AssertionError("a path has a last key")


def _replace(text: str, key: Any, node: Any, value: Any, lost: list[str]) -> str:
    start, stop = node.start_mark.index, _end(node)
    lost += [line.partition("#")[2].strip() for line in text[start:stop].splitlines() if " #" in f" {line}"]
    if not getattr(node, "flow_style", True) or start == stop:
        # A block stands on lines of its own below the key; what replaces it, behind the colon.
        colon = text.index(":", key.end_mark.index)
        between = text[colon + 1 : start]
        if "\n" in between or start == stop:
            lost += [line.partition("#")[2].strip() for line in between.splitlines() if "#" in line]
            start = colon + 1
            return text[:start] + " " + _flow(value) + text[max(stop, start) :]
    return text[:start] + _flow(value) + text[stop:]


def _insert(text: str, mapping: Any, keys: list[str], value: Any) -> str:
    for below in reversed(keys[1:]):
        value = {below: value}
    start = mapping.start_mark.index
    if mapping.flow_style:
        more = ", " if mapping.value else ""
        return f"{text[: start + 1]}{keys[0]}: {_flow(value)}{more}{text[start + 1 :]}"
    if mapping.start_mark.column == 0:
        # The whole document: a new section goes to the end, below all that is there.
        return f"{text.rstrip()}\n{keys[0]}: {_flow(value)}\n"
    return f"{text[:start]}{keys[0]}: {_flow(value)}\n{' ' * mapping.start_mark.column}{text[start:]}"


def _end(node: Any) -> int:
    """Where a node's own text ends; a block's mark stands behind the comments and blank lines that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    return end


def _unshared(value: Any) -> Any:
    """A copy in which an anchor's value stands once for each place that names it."""
    if isinstance(value, dict):
        return {key: _unshared(below) for key, below in value.items()}
    return [_unshared(below) for below in value] if isinstance(value, list) else value


def _put(document: Any, keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        if document.get(key) is None:
            document[key] = {}
        document = document[key]
    document[keys[-1]] = value


def _flow(value: Any) -> str:
    """A value on one line, as YAML.

    >>> _flow({"hidden": [64, 32], "l2": 1e-05})
    '{hidden: [64, 32], l2: 1.0e-05}'
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(below)}" for key, below in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        return value if yaml.safe_load(value) == value and value.replace("-", "").isalnum() else json.dumps(value)
    return str(yaml.safe_dump(value)).splitlines()[0]
