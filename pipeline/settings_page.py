"""Writes docs/configuration.md from the settings themselves, so that it cannot be out of date.

``python -m pipeline.settings_page docs/configuration.md``, which is what `make docs` does.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel, Secret, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipeline.settings import NESTING, PREFIX, Settings

HEAD: Final = f"""\
# Configuration

<!-- Written by `make docs` from the settings' own descriptions: change those, not this page. -->

A setting is looked for on the command line, then in the environment, then in the settings file,
then in the defaults below. The file is `bearwatch.toml` in the working folder, or the one given by
`--config`, with one table per group. The environment writes `port` of `[metrics]` as
`{PREFIX}METRICS{NESTING}PORT`: each one's name stands below its setting. An empty variable counts
as not given. `bearwatch config` shows what is in force, secrets masked; `bearwatch doctor` tells
whether it works. Unknown names and values out of range are refused at the start, all at once.
"""

_WORDS: Final = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "file or folder",
    timedelta: "seconds, or a duration such as `PT30M`",
}
_LIMITS: Final = (
    ("ge", "at least {:,}"),
    ("gt", "over {:,}"),
    ("le", "at most {:,}"),
    ("lt", "under {:,}"),
    ("min_length", "at least {:,} long"),
    ("max_length", "at most {:,} long"),
)


@dataclass(frozen=True, slots=True)
class _Group:
    """A table of the settings file: ``heading`` as it is written there, ``path`` in variables.

    ``path`` is None inside a list of groups, which the environment gives as one JSON value.
    """

    model: type[BaseModel]
    heading: str
    path: tuple[str, ...] | None

    def within(self, name: str, kind: object) -> _Group | None:
        """The group that the field ``name`` is, or has several of."""
        origin, inner = get_origin(kind), get_args(kind)
        heading = f"{self.heading.strip('[]')}.{name}".lstrip(".")
        path = None if self.path is None else (*self.path, name)
        if origin is dict and _is_group(inner[1]):
            named = None if path is None else (*path, "NAME")
            return _Group(inner[1], f"[{heading}.NAME]", named)
        if origin is tuple and _is_group(inner[0]):
            return _Group(inner[0], f"[[{heading}]]", None)
        return (
            _Group(cast("type[BaseModel]", kind), f"[{heading}]", path)
            if _is_group(kind)
            else None
        )


def page(settings: type[BaseModel] = Settings) -> str:
    """The whole page."""
    return "\n".join([HEAD, *_sections(_Group(settings, "", ()))])


def _sections(group: _Group) -> Iterator[str]:
    """A section per group of settings, each followed by those within it."""
    rows, inner = [], []
    for name, field in group.model.model_fields.items():
        found = group.within(name, field.annotation)
        if not _is_group(field.annotation):
            rows.append(_row(group, name, field))
        if found is not None:
            inner.append(found)
    if rows:
        yield f"## {group.heading}\n"
        yield f"{_described(group.model)}\n"
        yield "| setting | value | default | what |\n|---|---|---|---|"
        yield from rows
        yield ""
    for found in inner:
        yield from _sections(found)


def _is_group(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _described(model: type[BaseModel]) -> str:
    return _line(model.__doc__ or "")


def _line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _row(group: _Group, name: str, field: FieldInfo) -> str:
    path = group.path
    variable = "" if path is None else f"<br>`{PREFIX}{NESTING.join((*path, name)).upper()}`"
    cells = (
        f"`{name}`{variable}",
        _value(field.annotation, field.metadata),
        _default(field),
        _line(field.description or ""),
    )
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _value(kind: Any, metadata: Sequence[Any] = ()) -> str:  # noqa: ANN401 - an annotation is anything
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _value(next(one for one in inner if one is not type(None)), metadata)
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in inner)
    if origin is dict:
        return "a group per name" if _is_group(inner[1]) else f"{_value(inner[1])} by name"
    if origin is tuple and _is_group(inner[0]):
        return "list of groups; in the environment JSON"
    if origin is tuple:
        several = len(inner) == 2 and inner[1] is Ellipsis
        return f"list of: {_value(inner[0])}" if several else ", ".join(map(_value, inner))
    if isinstance(kind, type) and issubclass(kind, SecretStr):
        return "text, secret"
    if isinstance(kind, type) and issubclass(kind, Secret):
        return "URL, may hold a secret"
    return _WORDS.get(kind, getattr(kind, "__name__", str(kind))) + _range(metadata)


def _range(metadata: Sequence[Any]) -> str:
    limits = ((word, getattr(one, name, None)) for one in metadata for name, word in _LIMITS)
    return "".join(f", {word.format(limit)}" for word, limit in limits if limit is not None)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    if value is None or value in ((), {}, []):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, timedelta):
        minutes = value.total_seconds() / 60
        return f"{minutes / 60:g} hours" if minutes >= 60 else f"{minutes:g} minutes"
    if isinstance(value, tuple):
        return f"`{', '.join(map(str, value))}`"
    return f"`{value}`"


def main(arguments: Sequence[str]) -> int:
    """Write the page to the file that is named."""
    if len(arguments) != 1:
        print("usage: python -m pipeline.settings_page FILE", file=sys.stderr)  # noqa: T201
        return 2
    Path(arguments[0]).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
