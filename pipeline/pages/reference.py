"""The API's description as a page: what may be asked, with what, and what is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

METHODS: Final = ("get", "post", "put", "patch", "delete")
OTHERS: Final = "server"
"""The group of what has none, which comes last."""

_REF: Final = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something that is given: in the path or behind the question mark, or a field of a body."""

    name: str
    kind: str
    told: str
    required: bool = False
    place: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered with a status."""

    status: str
    told: str
    schema: str
    """Name of a schema of the page; empty: none is described."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    told: str
    parameters: Sequence[Parameter]
    answers: Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Schema:
    """What an object holds."""

    name: str
    told: str
    fields: Sequence[Parameter]


@dataclass(frozen=True, slots=True)
class Reference:
    """The whole page."""

    title: str
    version: str
    groups: Sequence[tuple[str, Sequence[Operation]]]
    schemas: Sequence[Schema]


def reference(api: Mapping[str, Any]) -> Reference:
    """From an OpenAPI 3.1 description."""
    groups: dict[str, list[Operation]] = {}
    for path, methods in api["paths"].items():
        for method in METHODS:
            if method in methods:
                found = methods[method]
                group = (found.get("tags") or [OTHERS])[0]
                groups.setdefault(group, []).append(_operation(method, path, found))
    schemas = api.get("components", {}).get("schemas", {})
    return Reference(
        title=api["info"]["title"],
        version=api["info"]["version"],
        groups=sorted(groups.items(), key=lambda group: group[0] == OTHERS),
        schemas=[_schema(name, found) for name, found in sorted(schemas.items())],
    )


def _operation(method: str, path: str, found: Mapping[str, Any]) -> Operation:
    return Operation(
        method=method.upper(),
        path=path,
        told=_told(found),
        parameters=[
            Parameter(
                name=one["name"],
                kind=_kind(one.get("schema", {})),
                told=_told(one) or _told(one.get("schema", {})),
                required=bool(one.get("required")),
                place=one["in"],
            )
            for one in found.get("parameters", ())
        ],
        answers=[_answer(status, one) for status, one in found["responses"].items()],
    )


def _answer(status: str, found: Mapping[str, Any]) -> Answer:
    contents = [one.get("schema", {}) for one in found.get("content", {}).values()]
    names = [one["$ref"].removeprefix(_REF) for one in contents if "$ref" in one]
    return Answer(status, _told(found), names[0] if names else "")


def _schema(name: str, found: Mapping[str, Any]) -> Schema:
    required = found.get("required", ())
    fields = [
        Parameter(field, _kind(one), _told(one), field in required)
        for field, one in found.get("properties", {}).items()
    ]
    return Schema(name, _told(found), fields)


def _told(found: Mapping[str, Any]) -> str:
    return re.sub(r"``(.+?)``", r"\1", " ".join(str(found.get("description", "")).split()))


def _kind(schema: Mapping[str, Any]) -> str:
    """A type in a few words, with its bounds and its default."""
    words = _type(schema)
    bounds = [
        f"{said} {schema[name]}"
        for name, said in (
            ("minimum", "from"),
            ("maximum", "to"),
            ("minLength", "from"),
            ("maxLength", "at most"),
        )
        if name in schema
    ]
    if bounds:
        words += f", {' '.join(bounds)}"
    if schema.get("default") is not None:
        words += f"; {schema['default']}"
    return words


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("format") == "date-time":
        return "time"
    names = {"integer": "whole number", "string": "text", "boolean": "true or false"}
    found = str(schema.get("type", "anything"))
    return names.get(found, found)
