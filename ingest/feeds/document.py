"""The bytes of a feed as plain XML text that a parser may be given.

Three things are settled here, on the very text that is parsed afterwards: its encoding (from a
closed list: some of Python's codecs take minutes), its document type (there is none left, and one
that declares entities is refused: they make little text large), and characters that XML forbids.
"""

from __future__ import annotations

import codecs
import re
from typing import Any, Final
from xml.parsers import expat

from ingest.feeds.errors import refuse

MOST_ELEMENTS: Final = 100_000
MOST_NESTING: Final = 100
"""Feeds have some hundreds of elements, a dozen deep; a parser pays for each."""

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    ("<?".encode("utf-16-le"), "utf-16-le"),
    ("<?".encode("utf-16-be"), "utf-16-be"),
)
_CODECS: Final = frozenset(
    [
        *("utf-8", "ascii", "utf-16", "utf-16-be", "utf-16-le", "koi8-r", "koi8-u", "tis-620"),
        *("gb2312", "gbk", "gb18030", "big5", "big5hkscs", "shift_jis", "cp932", "euc_jp"),
        *("iso2022_jp", "euc_kr", "cp949"),
        *(f"cp125{n}" for n in range(9)),
        *(f"iso8859-{n}" for n in range(1, 17) if n != 12),
    ]
)
"""By the names that Python's own registry gives them."""

_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r"&#(?:[xX]([0-9A-Fa-f]+)|([0-9]+));?")
_DOCTYPE = "<!doctype"
_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'


def plain_xml(body: bytes, content_type: str) -> bytes:
    """``body`` in UTF-8, without anything before its first element.

    Raises:
        Refusal: an encoding that is not known, declarations of entities, no element.
    """
    text = _FORBIDDEN.sub("", _decoded(body, content_type))
    text = _REFERENCE.sub(_allowed, text)
    return (_DECLARATION + text[_first_element(text) :]).encode()


def is_well_formed(xml: bytes) -> bool:
    """Whether ``xml`` is XML to its end; reads it without building anything.

    Raises:
        Refusal: more elements, or deeper ones, than a feed has; declarations of entities.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    depth = count = 0

    def opened(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth += 1
        count += 1
        if depth > MOST_NESTING:
            refuse("not_a_feed", f"elements nested over {MOST_NESTING} deep")
        if count > MOST_ELEMENTS:
            refuse("too_large", f"over {MOST_ELEMENTS} elements")

    def closed(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def declared(*_details: Any) -> None:  # noqa: ANN401 - whatever it is
        refuse("entities", "declarations of entities are not read")

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.EntityDeclHandler = declared
    try:
        parser.Parse(xml, True)
    except expat.ExpatError:
        return False
    return True


def _decoded(body: bytes, content_type: str) -> str:
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body.decode(name, "replace").removeprefix("\ufeff")
    declared = _DECLARED.match(body.lstrip()[:300])
    sent = _CHARSET.search(content_type)
    # What the document says of itself comes first: servers send a charset for all their files.
    for name in (declared[1].decode() if declared else "", sent[1] if sent else ""):
        codec = _codec(name)
        if codec is None:
            continue
        try:
            return body.decode(codec)
        except UnicodeDecodeError:
            continue  # a wrong claim; mostly it is UTF-8 after all
    if declared and _codec(declared[1].decode()) is None:
        refuse("encoding", f"written in {declared[1].decode()!r}, which is not known here")
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _codec(name: str) -> str | None:
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return None
    return found if found in _CODECS else None


def _allowed(reference: re.Match[str]) -> str:
    """A character reference, or nothing for one that stands for no character of XML."""
    digits = reference[1] or reference[2]
    if len(digits.lstrip("0")) > 7:
        return ""
    code = int(digits, 16 if reference[1] else 10)
    fits = code in (9, 10, 13) or 0x20 <= code <= 0x10FFFF
    return reference[0] if fits and not _FORBIDDEN.match(chr(code)) else ""


def _first_element(text: str) -> int:
    """Where the root begins, after declaration, comments and a harmless document type."""
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if text.startswith("<?", at):
            at = _after("?>", text, at)
        elif text.startswith("<!--", at):
            at = _after("-->", text, at)
        elif text[at : at + len(_DOCTYPE)].lower() == _DOCTYPE:
            end = _after(">", text, at)
            if "[" in text[at:end]:
                refuse("entities", "a document type with declarations of its own is not read")
            at = end
        elif re.match("<[A-Za-z_]", text[at : at + 2]):
            return at
        else:
            refuse("not_a_feed", "no XML; is the address that of a feed?")


def _after(end: str, text: str, at: int) -> int:
    found = text.find(end, at)
    if found < 0:
        refuse("not_a_feed", "XML that ends before its first element")
    return found + len(end)
