"""The one way a text is prepared, for training and for serving alike. Imports no torch."""

from __future__ import annotations

import html
import re

MAX_CHARACTERS = 2_000
"""Prepared texts are cut here, at a word. More than the 488 tokens the encoder can read in
English (4.1 characters a token), and a body of 200 kB costs the tokenizer nothing."""

READ_CHARACTERS = 20_000
"""What lies behind cannot reach the prepared text, except after thousands of links and blanks."""

LINK = re.compile(r"(?:https?:|www\.|pic\.twitter\.com|\bt\.co/)\S*", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
ESCAPES = 3
"""Feeds escape twice at times (``&amp;amp;``). What is nested deeper is an attack on our time."""

LINKED = "→"
"""Stands at the end of a title that had a link and came without a body: a post, as a rule. One
token of the encoder's, and no letter, so that repeats with and without a link stay repeats."""

SIGN = re.compile(r"\$[A-Za-z]{1,5}\b|#\w|(?<!\w)@\w|" + LINKED)
"""Of a post: a cashtag, a hashtag, somebody's name, a link."""

SENTENCE_END = (".", "!", "?", ":", ";", "…")


def prepare(title: str, body: str = "") -> str:
    """Join title and lead into the text that the tokenizer sees.

    HTML entities are resolved, invisible characters dropped; links, control characters and runs of
    whitespace become one space. A title alone that had a link ends with ``LINKED``.
    The title comes first and whole, then the body as far as ``MAX_CHARACTERS`` allows, cut at a
    word; a body that begins with its own title does not repeat it. Preparing a prepared text
    changes nothing. May be empty: a text of links alone says nothing.
    """
    head, lead = clean(title[:READ_CHARACTERS]), clean(body[:READ_CHARACTERS])
    if lead.startswith(head):
        return cut(lead)
    if not lead:
        linked = LINK.search(title) is not None and not head.endswith(LINKED)
        return cut(f"{head} {LINKED}" if linked else head)
    joint = " " if head.endswith(SENTENCE_END) else ". "
    return cut(clean(head + joint + lead))


def clean(text: str) -> str:
    """One line of readable text, without links. Cleaning twice changes nothing."""
    for _ in range(ESCAPES):
        if (cleaned := _clean_once(text)) == text:
            return text
        text = cleaned
    return _clean_once(text.replace("&", " "))


def signed(text: str) -> bool:
    """Whether a raw or prepared text carries a sign of a post."""
    return SIGN.search(text) is not None or LINK.search(text) is not None


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


def _clean_once(text: str) -> str:
    text = INVISIBLE.sub("", html.unescape(text))
    text = LINK.sub(" ", CONTROL.sub(" ", text))
    return " ".join(text.split())
