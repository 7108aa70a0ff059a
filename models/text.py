"""The one way a text is prepared, for training and for serving alike. Imports no torch."""

from __future__ import annotations

import html
import re

MAX_CHARACTERS = 2_000
"""Prepared texts are cut here, at a word. More than the 488 tokens the encoder can read in
English (4.1 characters a token), and a body of 200 kB costs the tokenizer nothing."""

LINK = re.compile(r"(?:https?:|www\.|pic\.twitter\.com|\bt\.co/)\S*", re.IGNORECASE)
INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe]+")
SENTENCE_END = (".", "!", "?", ":", ";", "…")


def prepare(title: str, body: str = "") -> str:
    """Join title and lead into the text that the tokenizer sees.

    HTML entities are resolved; links, control characters and runs of whitespace become a space.
    The title comes first and whole, then the body as far as ``MAX_CHARACTERS`` allows, cut at a
    word; a body that begins with its own title does not repeat it. Preparing a prepared text
    changes nothing. May be empty: a text of links alone says nothing.
    """
    head, lead = clean(title), clean(body)
    if lead.startswith(head):
        return cut(lead)
    if not lead:
        return cut(head)
    joint = " " if head.endswith(SENTENCE_END) else ". "
    return cut(clean(head + joint + lead))


def clean(text: str) -> str:
    """One line of readable text, without links."""
    text = unescape(text)
    text = INVISIBLE.sub(" ", text)
    text = LINK.sub(" ", text)
    return " ".join(text.split())


def unescape(text: str) -> str:
    """Resolve HTML entities until none is left: feeds escape twice (``&amp;amp;``)."""
    while "&" in text and (resolved := html.unescape(text)) != text:
        text = resolved
    return text


def cut(text: str) -> str:
    """At most ``MAX_CHARACTERS``, ending with a whole word where there is one."""
    if len(text) <= MAX_CHARACTERS:
        return text
    head = text[: MAX_CHARACTERS + 1]
    return head.rpartition(" ")[0] or head[:MAX_CHARACTERS]


def fold(text: str) -> str:
    """What is left when case, punctuation and spacing are ignored: equal for repeats of a text.

    For finding repeats in labelled data; ``text`` is prepared already.
    """
    return " ".join(re.sub(r"[\W_]+", " ", text.casefold()).split())
