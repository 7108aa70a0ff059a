"""Changing one value of a settings file, and nothing else in it: comments and order stay."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from pipeline.settings import InvalidSettings


def set_value(path: Path, table: str, name: str, value: Sequence[float]) -> None:
    """Set ``name`` in ``[table]`` to a list of numbers; the file need not be there yet.

    Raises:
        InvalidSettings: the file is no TOML, or is written so that the line cannot be placed.
    """
    before = path.read_text("utf-8") if path.exists() else ""
    line = f"{name} = [{', '.join(f'{number:g}' for number in value)}]"
    try:
        wanted = tomllib.loads(before)
    except tomllib.TOMLDecodeError as error:
        raise InvalidSettings([f"{path}: not TOML: {error}"]) from error
    after = _placed(before, table, name, line)
    try:
        found = tomllib.loads(after)
        right = found.pop(table)[name] == list(value)
        left = {key: one for key, one in wanted.items() if key != table}
        right = right and found == left
    except tomllib.TOMLDecodeError:
        right = False
    if not right:
        raise InvalidSettings([f"{path}: cannot be changed safely; put {line} into [{table}]"])
    part = path.with_name(path.name + ".part")
    part.write_text(after, "utf-8")
    part.replace(path)


def _placed(text: str, table: str, name: str, line: str) -> str:
    header = re.search(rf"^\[{re.escape(table)}\][^\n]*\n?", text, re.M)
    if header is None:
        gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}[{table}]\n{line}\n"
    following = re.search(r"^\[", text[header.end() :], re.M)
    end = header.end() + following.start() if following else len(text)
    body = text[header.end() : end]
    changed, found = re.subn(
        rf"^{re.escape(name)}\s*=\s*\[[^\]]*\]", lambda _: line, body, count=1, flags=re.M
    )
    if not found:
        changed = f"{line}\n{body}"
    head = text[: header.end()]
    return f"{head if head.endswith(chr(10)) else head + chr(10)}{changed}{text[end:]}"
