"""Reading `stream.yaml`, applying environment overrides, and saying plainly what is wrong with it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from driftline.errors import SpecError
from driftline.spec.explain import explain, explain_yaml, nearest, short
from driftline.spec.stream import StreamSpec

PREFIX = "DRIFTLINE_"
# Variables of the same prefix that set up the program, not the stream.
_NOT_SPEC = {"SPEC", "LOG", "LOG_FORMAT", "REQUIRE_KAFKA"}
_SECTIONS = set(StreamSpec.model_fields)
# Taken as they stand: a password may be '0123' or '[x', and is no YAML.
_VERBATIM = {
    "bootstrap",
    "sasl_username",
    "sasl_password",
    "ssl_key_password",
    "token_url",
    "client_id",
    "client_secret",
    "scope",
}
# Never in the file, and never written.
SECRETS = (("kafka", "sasl_password"), ("kafka", "ssl_key_password"), ("kafka", "oauth", "client_secret"))
# Beside its own errors, PyYAML lets through what Python says of a date like 2024-13-45 and of 500 nested brackets.
_NOT_YAML = (yaml.YAMLError, ValueError, RecursionError)


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
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: not UTF-8: byte {error.start} cannot be read") from None
    try:
        document = yaml.safe_load(text)
    except _NOT_YAML as error:
        raise SpecError(f"{path}: not valid YAML: {explain_yaml(error)}") from None
    return parse_spec(document, environ=os.environ if environ is None else environ, source=str(path))


def parse_spec(document: Any, environ: Mapping[str, str] | None = None, source: str = "specification") -> StreamSpec:
    """Validate an already parsed document; see `load_spec`."""
    if not isinstance(document, dict):
        read = "nothing" if document is None else short(document)
        raise SpecError(f"{source}: expected a mapping of fields, read {read}")
    for place in SECRETS:
        if _holds(document, place):
            field = ".".join(place)
            raise SpecError(
                f"{source}: {field}: a secret does not belong in this file; set the environment variable "
                f"{PREFIX}{'__'.join(place).upper()}, or name a file that holds it: {field}_file"
            )
    merged, origin = _with_overrides(document, environ or {})
    try:
        return StreamSpec.model_validate(merged)
    except ValidationError as error:
        raise SpecError(f"{source}:\n" + "\n".join(f"  {line}" for line in explain(error, origin))) from None


def dump_spec(spec: StreamSpec, *, defaults: bool = False) -> str:
    """The specification as YAML; with `defaults`, every field is written out."""
    data = spec.model_dump(mode="json", exclude_defaults=not defaults, exclude=_EXCLUDED)
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


# As pydantic wants it: each secret under the sections that lead to it.
_EXCLUDED: Any = {"kafka": {"sasl_password": True, "ssl_key_password": True, "oauth": {"client_secret": True}}}


def _holds(document: Any, place: tuple[str, ...]) -> bool:
    for key in place:
        if not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return True


def _with_overrides(
    document: dict[str, Any], environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[tuple[str, ...], str]]:
    merged = _copy(document)
    origin: dict[tuple[str, ...], str] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX):
            continue
        keys = tuple(part.lower() for part in variable[len(PREFIX) :].split("__"))
        if keys[0] not in _SECTIONS and len(keys) > 1:
            raise SpecError(
                f"environment variable {variable}: {keys[0]}: no such field{nearest(keys[0], sorted(_SECTIONS))}"
            )
        if keys[0] not in _SECTIONS or keys[0].upper() in _NOT_SPEC:
            continue
        value: Any = environ[variable]
        if keys[-1] not in _VERBATIM:
            try:
                value = yaml.safe_load(value)
            except _NOT_YAML as error:
                raise SpecError(f"environment variable {variable}: not valid YAML: {explain_yaml(error)}") from None
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
