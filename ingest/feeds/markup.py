"""The readable text of a piece of HTML, in time linear in its length."""

from __future__ import annotations

import contextlib
import html
import re
from typing import Final

from ingest.text import clean_body

MOST_CHARS: Final = 1_000_000
"""Markup beyond this is not looked at; an article's body has at most a fifth of it."""

_BREAKS = frozenset(
    {"br", "p", "div", "li", "ul", "ol", "td", "th", "tr", "table", "hr", "blockquote", "pre"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "header", "footer", "figure"}
)
_HIDDEN = {
    name: re.compile(rf"</{name}\b[^<>]*>?", re.IGNORECASE)
    for name in ("script", "style", "template", "noscript", "iframe", "object", "svg")
}
_COMMENT_END = re.compile("-->")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)(?:[\s/][^<>]*)?>|<!--|<![^<>]*>|<\?[^<>]*>")
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\s*\n\s*")


def text_of(markup: str) -> str:
    """Tags gone and entities resolved; block elements end lines; scripts and styles left out."""
    markup = markup[:MOST_CHARS]
    text = _without_tags(markup) if "<" in markup else markup
    if "&" in text:
        with contextlib.suppress(ValueError):  # an entity of over 4,300 digits stays as it is
            text = html.unescape(text)
    return clean_body(_BLANK_LINES.sub("\n", _SPACES.sub(" ", text)))


def _without_tags(markup: str) -> str:
    parts: list[str] = []
    at = 0
    while (tag := _TAG.search(markup, at)) is not None:
        parts.append(markup[at : tag.start()])
        at = tag.end()
        name = (tag[2] or "").lower()
        if tag[0] == "<!--":
            at = _past(_COMMENT_END, markup, at)
        elif name in _HIDDEN and not tag[1] and not tag[0].endswith("/>"):
            at = _past(_HIDDEN[name], markup, at)
        elif name in _BREAKS:
            parts.append("\n")
    parts.append(markup[at:])
    return "".join(parts)


def _past(end: re.Pattern[str], markup: str, at: int) -> int:
    """After the next ``end``; the end of everything if there is none."""
    found = end.search(markup, at)
    return len(markup) if found is None else found.end()
