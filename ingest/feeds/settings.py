"""Which feeds are read, and how gently. httpx is not imported here: settings cost nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, Secret, field_validator

from ingest.text import has_hidden

MASK: Final = "***"
_USER = re.compile(r"(?<=://)[^/?#]*@")
_SECRET_PARAMETER = re.compile(
    # Named like a secret, or too long to be a topic or a format.
    r"([?&;][^=&;#]*(?:key|token|secret|auth|pass|pwd|sig)[^=&;#]*=|[?&;][^=&;#]*=(?=[^&;#]{20}))"
    r"[^&;#]+",
    re.IGNORECASE,
)


def shown(url: str) -> str:
    """``url`` for people and logs: without its user, and without what may be a key."""
    return _SECRET_PARAMETER.sub(rf"\1{MASK}", _USER.sub(f"{MASK}@", url))


def without_user(url: str) -> str:
    """``url`` without user and password, as others may have it."""
    return _USER.sub("", url)


def host_of(url: str) -> str:
    """The lower-case host of a feed's URL; "" if it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class FeedUrl(Secret[str]):
    """A feed's URL, which may hold a password: whole only by ``get_secret_value()``."""

    def _display(self) -> str:
        return shown(self.get_secret_value())


class FeedSettings(BaseModel):
    """Feeds, and how they are asked."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )

    urls: tuple[FeedUrl, ...] = Field(
        default=(),
        description="RSS and Atom feeds, http:// or https://; in the environment separated by "
        "spaces. A URL may hold user and password: https://USER:PASSWORD@HOST/PATH.",
    )
    sources: dict[str, str] = Field(
        default_factory=dict,
        description="The articles' `source` by the host of their feed; a host that is not named "
        "is its own source, without its www.",
    )
    every_seconds: float = Field(
        default=300,
        ge=1,
        le=86_400,
        description="How often a feed is asked, give or take a tenth. After a failure longer.",
    )
    per_host_seconds: float = Field(
        default=2,
        ge=0,
        le=3_600,
        description="Rest between two requests to one host, which is never asked twice at once.",
    )
    at_once: int = Field(
        default=4, ge=1, le=64, description="How many hosts are asked at the same time."
    )
    max_bytes: int = Field(
        default=5_242_880,
        ge=1_024,
        le=67_108_864,
        description="Largest feed that is read, decompressed; also before decompression.",
    )
    connect_seconds: float = Field(
        default=10, gt=0, le=60, description="How long an address may take to let us connect."
    )
    deadline_seconds: float = Field(
        default=30,
        gt=0,
        le=300,
        description="How long a feed may take from looking its host up to its last byte, "
        "redirects included.",
    )
    allow_private: bool = Field(
        default=False,
        description="Whether feeds on private addresses (intranet, this machine) are read. A "
        "public feed can then send requests there too, by a redirect.",
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of further authorities whose certificates are believed.",
    )
    user_agent: str = Field(
        default="bearwatch (feed reader)",
        pattern=r"^[!-~]([ -~]*[!-~])?$",
        max_length=200,
        description="What the servers are told about who asks; an address to write to helps.",
    )

    @field_validator("urls", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            raise ValueError("not a JSON list of URLs")
        return value.split()

    @field_validator("urls")
    @classmethod
    def _are_feeds(cls, urls: tuple[FeedUrl, ...]) -> tuple[FeedUrl, ...]:
        for url in urls:
            text = url.get_secret_value()
            host = host_of(text)
            named = re.search("[a-z0-9]", host) is not None and not has_hidden(host)
            if not named or re.match(r"https?://[^\s]+\Z", text, re.IGNORECASE) is None:
                raise ValueError("write each feed as http://HOST/PATH or https://HOST/PATH")
        if len({url.get_secret_value() for url in urls}) != len(urls):
            raise ValueError("a feed is written twice")
        return urls

    @field_validator("sources")
    @classmethod
    def _are_sources(cls, sources: dict[str, str]) -> dict[str, str]:
        if not all(0 < len(name) <= 64 and name == name.strip() for name in sources.values()):
            raise ValueError("a source has 1 to 64 characters")
        return {host.lower(): name for host, name in sources.items()}

    def source_of(self, url: str) -> str:
        """The articles' source for a feed: at most 64 characters."""
        host = host_of(url)
        # Of a longer name the end tells more: that is where the owner's domain is.
        return self.sources.get(host) or host.removeprefix("www.")[-64:].lstrip(".-")
