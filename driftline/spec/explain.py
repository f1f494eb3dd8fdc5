"""What is wrong with a specification, for the person who wrote it: the field, what was read, what is allowed."""

import difflib
import re
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from driftline.spec.features import CategoricalFeature, NumericFeature, TextFeature
from driftline.spec.stream import StreamSpec

Origin = Mapping[tuple[str, ...], str]
"""Path of a field → the environment variable that set it."""

_FEATURES: dict[str, type[BaseModel]] = {
    model.model_fields["type"].default: model for model in (NumericFeature, CategoricalFeature, TextFeature)
}
# The two names that a regular expression guards, in words.
_PATTERNS = {
    "stream": "allowed: 1 to 63 of a-z, 0-9, - and _, the first a letter or a digit",
    "name": 'allowed: 1 to 128 characters, no white space at either end, no control character, no " and no \\',
}
_EXPECTED = {
    "int": "expected a whole number",
    "float": "expected a number",
    "bool": "expected true or false",
    "tuple": "expected a list",
    "model": "expected a mapping of fields",
    "finite": "expected a finite number",
}

# A value beside one of these words is not repeated.
_SECRET = re.compile(r"passw|secret", re.IGNORECASE)


def explain(error: ValidationError, origin: Origin) -> list[str]:
    """One line a problem."""
    return [_line(item, origin) for item in _causes(error.errors(include_url=False))]


def explain_yaml(error: Exception) -> str:
    """What the YAML parser says, with its place and without its own excerpt."""
    mark = getattr(error, "problem_mark", None)
    if isinstance(error, yaml.MarkedYAMLError) and mark is not None:
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem or error.context}"
    return "nested too deep" if isinstance(error, RecursionError) else str(error).splitlines()[0]


def short(value: Any) -> str:
    """A value as it was read, cut to what fits a line."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def nearest(name: str, allowed: list[str]) -> str:
    """'; did you mean NAME?', or what is allowed, or nothing where that is not known."""
    near = difflib.get_close_matches(name, allowed, n=1)
    return f"; did you mean {near[0]}?" if near else (f"; allowed here: {', '.join(allowed)}" if allowed else "")


def _causes(items: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out what only follows: a list is 'too short' to pydantic once its entries were found wrong."""
    places = [item["loc"] for item in items]
    return [
        item
        for item in items
        if item["type"] != "too_short"
        or not any(len(place) > len(item["loc"]) and place[: len(item["loc"])] == item["loc"] for place in places)
    ]


def _line(item: ErrorDetails, origin: Origin) -> str:
    loc, kind = item["loc"], item["type"]
    # pydantic puts the feature's type between its number and its field.
    where = [part for at, part in enumerate(loc) if not (at == 2 and loc[0] == "features")]
    path = ""
    for part in where:
        path += f"[{part}]" if isinstance(part, int) and path else (f".{part}" if path else str(part))
    message = item["msg"].removeprefix("Value error, ")
    if not path or message.startswith(f"{path}."):
        # What does not go together: the message begins with the path of the field to change.
        return message + _source(message.split(":")[0].split("."), origin)
    source = _source([str(part) for part in where], origin)
    if kind in ("extra_forbidden", "invalid_key"):
        return f"{path}: no such field{nearest(str(where[-1]), _allowed(loc))}{source}"
    if kind == "missing":
        return f"{path}: required, and not there"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        types = list(_FEATURES)
        if kind == "union_tag_not_found":
            return f"{path}.type: required, and not there; allowed: {', '.join(types)}"
        tag = str(item["ctx"]["tag"])
        near = difflib.get_close_matches(tag, types, n=1)
        return f"{path}.type: read {tag!r}{source}; allowed: {', '.join(types)}" + (
            f"; did you mean {near[0]}?" if near else ""
        )
    if _SECRET.search(path) or (path.startswith("kafka") and _SECRET.search(str(item["input"]))):
        return f"{path}: {message}{source}"
    return f"{path}: read {short(item['input'])}{source}; {_allows(item, str(where[-1]))}"


def _allows(item: ErrorDetails, field: str) -> str:
    kind, ctx, value = item["type"], item.get("ctx", {}), item["input"]
    if kind == "literal_error":
        return f"allowed: {ctx['expected']}"
    if kind == "string_pattern_mismatch" and field in _PATTERNS:
        return _PATTERNS[field]
    if kind == "string_type":
        quoted = str(value).lower() if isinstance(value, bool) else str(value)
        # YAML takes 0, true, no or 2024-01-01 for something else than text.
        plain = not isinstance(value, (list, dict)) and value is not None
        return "expected text" + (f'; in quotes it is: "{quoted}"' if plain else "")
    if kind == "too_short":
        return f"expected at least {ctx['min_length']} in the list"
    if kind == "too_long":
        return f"expected at most {ctx['max_length']} in the list"
    if kind == "int_from_float":
        return _EXPECTED["int"]
    if match := re.fullmatch(
        r"(int|float|bool|tuple|model|finite)(_attributes)?_(type|parsing|number|parsing_size)", kind
    ):
        return _EXPECTED[match[1]]
    message = item["msg"].removeprefix("Value error, ").replace("Input should be ", "allowed: ")
    return f"{message[:1].lower()}{message[1:]}"


def _source(where: list[str], origin: Origin) -> str:
    """Which environment variable set the field, or the section that it stands in."""
    for depth in range(len(where), 0, -1):
        if (variable := origin.get(tuple(where[:depth]))) is not None:
            return f" (from the environment variable {variable})"
    return ""


def _allowed(loc: tuple[int | str, ...]) -> list[str]:
    """The fields of the section that holds the last part of `loc`."""
    if loc[0] == "features" and len(loc) > 3:
        return list(_FEATURES[str(loc[2])].model_fields)
    model: type[BaseModel] = StreamSpec
    for key in loc[:-1]:
        field = model.model_fields.get(str(key))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        model = field.annotation
    return list(model.model_fields)
