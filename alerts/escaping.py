"""Foreign text for places that read more into text than words: chats, mails, templates.

A headline may be anybody's. In whatever it ends up, Slack, Teams, a mail, an Alertmanager
template that escapes nothing, it must not call people (``<!channel>``, ``@everyone``), carry a
link or a picture, or swallow what stands behind it. What is special anywhere is therefore shown by
something that looks alike and is special nowhere, so that it does not matter who escapes, and how
often. What is replaced stays visible: nothing is hidden by characters without width.
"""

from __future__ import annotations

import re
from typing import Final

from alerts.channels import plain

# Slack's and HTML's brackets, code that swallows the rest of a message, emphasis, spoilers.
_LOOK_ALIKES: Final = str.maketrans(
    {
        "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
        ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
        "`": "'",
        "*": "\N{ASTERISK OPERATOR}",
        "~": "\N{TILDE OPERATOR}",
        "\\": "\N{SET MINUS}",
        "|": "\N{BROKEN BAR}",
    }
)
_MENTION: Final = re.compile("[@\N{FULLWIDTH COMMERCIAL AT}](?=\\w)")
_EMPHASIS: Final = re.compile(r"(?<!\w)_+|_+(?!\w)")
_MARKDOWN_LINK: Final = re.compile(r"\](?=[(\[:])")
_SCHEME: Final = re.compile(r"(?<=\w):(?=/)")
_WWW: Final = re.compile(r"\b(www)\.", re.IGNORECASE)
# A dot before two letters or more may end a domain; 5.2, U.S. and 7203.T are none.
_DOT: Final = re.compile("(?<=[\\w-])[.\uff0e\uff61](?=[^\\W\\d_]{2}|xn--)", re.IGNORECASE)
_IDEOGRAPHIC_DOT: Final = re.compile("(?<=[a-zA-Z0-9-])\u3002(?=[a-zA-Z]{2})")
_ADDRESS: Final = re.compile(r"(?<!\d)(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(?=\d)")


def harmless(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters that is only words, in any medium.

    ``http://a.example/x`` becomes ``http[:]//a[.]example/x``, ``@here`` becomes ``(at)here``;
    angle brackets, stars and the like become others that look alike.
    """
    safe = plain(text, 2 * limit).translate(_LOOK_ALIKES)
    safe = _MENTION.sub("(at)", safe)
    safe = _EMPHASIS.sub("-", safe)
    safe = _MARKDOWN_LINK.sub("] ", safe)
    safe = _SCHEME.sub("[:]", safe)
    safe = _WWW.sub(r"\1[.]", safe)
    safe = _DOT.sub("[.]", safe)
    safe = _IDEOGRAPHIC_DOT.sub("[.]", safe)
    safe = _ADDRESS.sub(r"\1[.]\2[.]\3[.]", safe)
    return plain(safe, limit)
