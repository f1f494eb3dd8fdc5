"""Reading `stream.yaml`, applying environment overrides, and saying plainly what is wrong with it."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from driftline.errors import SpecError
from driftline.spec.stream import StreamSpec

PREFIX = "DRIFTLINE_"
# Variables of the same prefix that set up the program, not the stream.
_NOT_SPEC = {"SPEC", "LOG", "LOG_FORMAT", "REQUIRE_KAFKA"}
_SECTIONS = set(StreamSpec.model_fields)


def load_spec(path: str | Path, environ: Mapping[str, str] | None = None) -> StreamSpec:
    """Read a stream's specification.

    Parameters
    ----------
    path : file name of the YAML document.
    environ : variables to take overrides from, by default the process's. `DRIFTLINE_SERVING__BATCH_SIZE=64`
        sets `serving.batch_size`; values are read as YAML, so lists and numbers work.

    Raises
    ------
    SpecError : with one line a problem: the field's path, what was read, what is allowed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file. `driftline init DATA.csv` writes one from a data file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from None
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SpecError(f"{path}: not valid YAML: {error}") from None
    return parse_spec(document, environ=os.environ if environ is None else environ, source=str(path))


def parse_spec(document: Any, environ: Mapping[str, str] | None = None, source: str = "specification") -> StreamSpec:
    """Validate an already parsed document; see `load_spec`."""
    if not isinstance(document, dict):
        raise SpecError(f"{source}: expected a mapping of fields, read {_short(document)}")
    if isinstance(document.get("kafka"), dict) and "sasl_password" in document["kafka"]:
        raise SpecError(
            f"{source}: kafka.sasl_password: a secret does not belong in this file; "
            f"set the environment variable {PREFIX}KAFKA__SASL_PASSWORD"
        )
    merged, origin = _with_overrides(document, environ or {})
    try:
        return StreamSpec.model_validate(merged)
    except ValidationError as error:
        lines = [_explain(item, origin) for item in _causes(error.errors(include_url=False))]
        raise SpecError(f"{source}:\n" + "\n".join(f"  {line}" for line in lines)) from None


def dump_spec(spec: StreamSpec, *, defaults: bool = False) -> str:
    """The specification as YAML; with `defaults`, every field is written out."""
    data = spec.model_dump(mode="json", exclude_defaults=not defaults, exclude={"kafka": {"sasl_password"}})
    # A feature's type is its default inside its own class but is what a reader needs to see.
    data["features"] = [
        {
            "name": f.name,
            "type": f.type,
            **f.model_dump(mode="json", exclude_defaults=not defaults, exclude={"name", "type"}),
        }
        for f in spec.features
    ]
    # Said even where they are the default: they are what a reader looks for first.
    data |= {"task": spec.task, "label": spec.label}
    head: dict[str, Any] = {key: data.pop(key) for key in ("stream", "task", "label", "classes", "features")}
    return yaml.safe_dump(
        {"version": spec.version} | head | {key: value for key, value in data.items() if key != "version"},
        sort_keys=False,
        allow_unicode=True,
        width=110,
        default_flow_style=None,
    )


def _with_overrides(
    document: dict[str, Any], environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[tuple[str, ...], str]]:
    merged = _copy(document)
    origin: dict[tuple[str, ...], str] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX):
            continue
        keys = tuple(part.lower() for part in variable[len(PREFIX) :].split("__"))
        if keys[0] not in _SECTIONS or keys[0].upper() in _NOT_SPEC:
            continue
        try:
            value = yaml.safe_load(environ[variable])
        except yaml.YAMLError as error:
            raise SpecError(f"environment variable {variable}: not valid YAML: {error}") from None
        if keys[-1] in ("sasl_password", "sasl_username", "bootstrap"):
            value = environ[variable]
        place = merged
        for key in keys[:-1]:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise SpecError(f"environment variable {variable}: {key} is not a section")
        place[keys[-1]] = value
        origin[keys] = variable
    return merged, origin


def _copy(value: Any) -> Any:
    return {k: _copy(v) for k, v in value.items()} if isinstance(value, dict) else value


def _causes(items: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out what only follows: a list is 'too short' to pydantic once its entries were found wrong."""
    places = [item["loc"] for item in items]
    return [
        item
        for item in items
        if item["type"] != "too_short"
        or not any(len(place) > len(item["loc"]) and place[: len(item["loc"])] == item["loc"] for place in places)
    ]


def _explain(item: ErrorDetails, origin: dict[tuple[str, ...], str]) -> str:
    where = [part for part in item["loc"] if part not in ("numeric", "categorical", "text")]
    path = ""
    for part in where:
        path += f"[{part}]" if isinstance(part, int) else (f".{part}" if path else str(part))
    variable = origin.get(tuple(str(part) for part in where))
    read = f" (from the environment variable {variable})" if variable else ""
    if item["type"] == "extra_forbidden":
        allowed = _fields_at([p for p in where[:-1] if isinstance(p, str)])
        near = difflib.get_close_matches(str(where[-1]), allowed, n=1)
        hint = f"; did you mean {near[0]}?" if near else (f"; allowed here: {', '.join(allowed)}" if allowed else "")
        return f"{path}: no such field{hint}{read}"
    if item["type"] == "missing":
        return f"{path}: required, and not there"
    message = item["msg"].removeprefix("Value error, ")
    if not path:
        return message
    if "password" in path:
        return f"{path}: {message}{read}"
    return f"{path}: read {_short(item['input'])}{read}; {message[:1].lower()}{message[1:]}"


def _fields_at(keys: list[str]) -> list[str]:
    model: type[BaseModel] = StreamSpec
    for key in keys:
        field = model.model_fields.get(key)
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        model = field.annotation
    return list(model.model_fields)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
