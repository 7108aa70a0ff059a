"""Plain text out of what feeds send: markup resolved, hidden characters gone."""

from __future__ import annotations

import contextlib
import html
import re
import unicodedata
from typing import Final, Literal

HIDDEN: Final = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\ufffe\uffff"
)
"""Control, bidi and invisible characters, as the inside of a regular expression's class.

The zero-width joiners U+200C and U+200D are not among them: Persian, Hindi and emoji need them.
"""
_HIDDEN = re.compile(f"[{HIDDEN}\U000e0000-\U000e007f]")
# Only names that HTML could have: the agency style `<ACME.N>` is text, not a tag.
_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9-]*)(?:[\s/][^<>]*)?>|<![^<>]*>")
_SECOND: Final = "\u0080-\u00bf" + "".join(
    bytes((number,)).decode("cp1252", "ignore") for number in range(0x80, 0xA0)
)
_BROKEN = re.compile(
    rf"\u00e2\u20ac[{_SECOND}]?|\u00e2[{_SECOND}]{{2}}|[\u00c2\u00c3\u00c4\u00c5][{_SECOND}]"
)
_BREAKS = frozenset({"br", "p", "div", "li", "ul", "ol", "td", "tr", "h1", "h2", "h3", "hr"})
# Up to 1,000 characters, cut at a space if there is one.
_PIECE = re.compile(r"[\s\S]{0,999}(?:\s|\Z)|[\s\S]{1,1000}")


def clean_title(markup: str) -> str:
    """Plain text of a title: tags and entities resolved, hidden characters gone, one line."""
    text = markup
    if "<" in text:
        text = _TAG.sub(lambda tag: " " if (tag[1] or "").lower() in _BREAKS else "", text)
    if "&" in text:
        with contextlib.suppress(ValueError):  # an entity of over 4,300 digits stays as it is
            text = html.unescape(text)
    if not (text.isascii() and text.isprintable()):
        text = _HIDDEN.sub("", " ".join(text.split()))
    return " ".join(text.split())


def clean_body(body: str) -> str:
    """The text of a body: hidden characters gone, tabs as spaces, every line break a newline."""
    lines = body.replace("\t", " ").splitlines()
    return "\n".join(_HIDDEN.sub("", line) for line in lines).strip()


def has_hidden(text: str) -> bool:
    """Whether ``text`` holds a control, bidi or invisible character."""
    return not text.isprintable() and _HIDDEN.search(text) is not None


def mended(text: str) -> str:
    """UTF-8 that somebody read as Windows' letters, as it was: an apostrophe, not three signs.

    What cannot be mended is left as it is, and so is every text without such signs.
    """
    if text.isascii() or _BROKEN.search(text) is None:
        return text
    return _BROKEN.sub(_mend, text)


def _mend(found: re.Match[str]) -> str:
    if found[0].startswith("\u00e2\u20ac") and len(found[0]) == 2:
        return '"'  # its third sign is a control character, and lost
    with contextlib.suppress(UnicodeError):
        return bytes(_as_byte(sign) for sign in found[0]).decode()
    return found[0]


def _as_byte(sign: str) -> int:
    return ord(sign) if ord(sign) < 256 else sign.encode("cp1252")[0]


def normalized(form: Literal["NFKC", "NFKD"], text: str) -> str:
    """Unicode's normal form, in time linear in the length of any text.

    Python sorts a run of combining marks by insertion: 100,000 of them in a body would take ten
    seconds. Words of over 1,000 characters are therefore normalised in pieces.
    """
    if text.isascii():
        return text
    return "".join(unicodedata.normalize(form, piece) for piece in _PIECE.findall(text))


def words(text: str) -> frozenset[str]:
    """The words of a list that is written as a text."""
    return frozenset(text.split())
