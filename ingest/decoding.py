"""Bytes to a JSON object within limits, and a JSON object to its one canonical text."""

from __future__ import annotations

import json
from typing import Final, NoReturn

from ingest.rejection import refuse

MAX_RECORD_BYTES: Final = 1_048_576
MAX_NESTING: Final = 64
MAX_EXTRA_CHARS: Final = 524_288
"""Leaves room for the known fields: an accepted article, encoded again, stays under 1 MiB."""

Fields = dict[str, object]


def _not_a_number(name: str) -> NoReturn:
    refuse("not_json", f"{name} is not JSON; send null or leave the field out")


_DECODER = json.JSONDecoder(parse_constant=_not_a_number)


def decode(raw: bytes) -> Fields:
    """The JSON object in one record's bytes, or a refusal. A byte order mark is skipped."""
    if len(raw) > MAX_RECORD_BYTES:
        refuse("too_large", f"record over {MAX_RECORD_BYTES} bytes; send a shorter body")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refuse("not_utf8", f"byte {error.start} is not UTF-8; send JSON encoded in UTF-8")
    if not text or text.isspace():
        refuse("empty", "the record has no content; send one JSON object per record")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        refuse("not_json", f"{error.msg} at character {error.pos}; send one JSON object")
    except RecursionError:
        refuse("not_json", f"nested over {MAX_NESTING} levels; send a flatter object")
    except ValueError:
        refuse("not_json", "a number is too large to hold; send it as a string")
    if not isinstance(value, dict):
        refuse("schema", "the record must be a JSON object with at least source and title")
    return value


def canonical(extra: Fields) -> str:
    """The one JSON text of an object: sorted keys, no spaces, ASCII. Or a refusal."""
    if not extra:
        return "{}"
    if _too_deep(extra):
        refuse("not_json", f"nested over {MAX_NESTING} levels; send a flatter object")
    try:
        text = json.dumps(extra, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:  # 1e999 is read as infinity
        refuse("not_json", "a number is too large to hold; send it as a string")
    if len(text) > MAX_EXTRA_CHARS:
        refuse("too_large", f"unknown fields over {MAX_EXTRA_CHARS} characters; send fewer")
    return text


def _too_deep(value: object) -> bool:
    # Not by the interpreter's recursion limit: the answer must not depend on the caller's stack.
    level: list[object] = [value]
    for _ in range(MAX_NESTING):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        level = [item for item in below if isinstance(item, dict | list)]
        if not level:
            return False
    return True
