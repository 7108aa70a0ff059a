"""A notification, and headlines that mean no good."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from alerts.channels import Notification
from alerts.simulation import MONDAY

NOTE: Final = Notification(
    incident="a" * 32,
    revision=2,
    change="escalated",
    severity="critical",
    kind="company",
    key="ACM",
    rule="negative_spike",
    at=MONDAY,
    title="Acme (ACM): spike of negative news",
    lines=("12 negative stories where 3.0 are usual", "Acme falls (wire, 2 copies)"),
    opened_at=MONDAY,
)

HOSTILE: Final = (
    "<!channel> <!here> <@U024BE7LH> <#C024BE7LR|general> <http://evil.example|Reuters>",
    "@everyone @here @channel @bob \uff20everyone",
    "[Reuters](http://evil.example) ![x](https://evil.example/x.png) [a]: //evil.example [a][b]",
    "http://evil.example/x https://evil.example www.evil.com WWW.x.y evil.co.uk/login ftp://e.com",
    "mail ceo@example.com or go to 10.0.0.1:8080, bit.ly/abc, evil\u3002com and evil\uff0ecom",
    "<script>alert(1)</script><img src=x onerror=y> <a href='http://e.com'>x</a> <at>all</at>",
    "```code` *bold* _soft_ ~gone~ ||spoiler|| \\* __x__ # head",
    '{{ .Labels }} {{ template "x" }} ${jndi:ldap://e.com/a} %s %(x)s {0}',
    "line\r\nBcc: all@example.com\n\nX\x00\x07\x1b[31m \u202eevil\u202c",
    "\u2066x\u2069 a\u200bb \ufeff \u2028",
    "\U000e0041\U000e0042 \ud800 \uffff \ufdd0",
    "x" * 5_000,
)

headlines: Final = st.lists(
    st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60), st.sampled_from("<>@.:/[](_*`|\\"))
).map("".join)
"""Texts of hostile parts, joined as they come."""
