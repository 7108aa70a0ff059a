"""Writes docs/configuration.md from the settings themselves, so that it cannot be out of date.

``python -m pipeline.settings_page docs/configuration.md``, which is what `make docs` does.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin

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
    timedelta: "duration, `H:MM:SS` or seconds",
}
_LIMITS: Final = (
    ("ge", "at least {:,}"),
    ("gt", "over {:,}"),
    ("le", "at most {:,}"),
    ("lt", "under {:,}"),
    ("min_length", "at least {:,} long"),
    ("max_length", "at most {:,} long"),
)


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_groups(Settings, ())])


def _groups(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[str]:
    """A section per group of settings, each followed by those within it."""
    rows, inner = [], []
    for name, field in model.model_fields.items():
        group, repeated = _group(field.annotation)
        if group is None or repeated:
            rows.append(_row((*path, name), field))
        if group is not None:
            inner.append((group, (*path, name, "NAME") if repeated else (*path, name)))
    if rows:
        yield f"## [{'.'.join(path)}]\n"
        yield f"{_described(model)}\n"
        yield "| setting | value | default | what |\n|---|---|---|---|"
        yield from rows
        yield ""
    for group, where in inner:
        yield from _groups(group, where)


def _group(kind: object) -> tuple[type[BaseModel] | None, bool]:
    """The group that a field is, and whether it is one per name of the user's choice."""
    if get_origin(kind) is dict:
        return _group(get_args(kind)[1])[0], True
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind, False
    return None, False


def _described(model: type[BaseModel]) -> str:
    return _line(model.__doc__ or "")


def _line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _row(path: tuple[str, ...], field: FieldInfo) -> str:
    variable = PREFIX + NESTING.join(path).upper()
    cells = (
        f"`{path[-1]}`<br>`{variable}`",
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
        return "a group per name" if _group(kind)[0] else f"{_value(inner[1])} by name"
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
    if isinstance(value, tuple):
        return f"`{', '.join(map(str, value))}`"
    return f"`{value}`"


def main(arguments: Sequence[str]) -> int:
    """Write the page to the file that is named."""
    (target,) = arguments
    Path(target).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
