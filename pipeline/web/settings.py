"""How the web server listens, who may use it, who may push, and how much."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from pipeline.web import passwords

Role = Literal["viewer", "annotator", "engineer", "admin"]
"""What somebody may do on the pages; each includes the ones before it."""

LEAST_TOKEN_CHARS: Final = 32
_BASE_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/%-]*)?")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class _Group(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )


class TokenSettings(_Group):
    """A token for pushing articles: what it is, by one of three ways, and its sources."""

    sources: tuple[str, ...] = Field(
        min_length=1,
        description="Values of `source` that articles pushed with it may have. In the "
        "environment: comma-separated.",
    )
    sha256: SecretStr | None = Field(
        default=None,
        description="sha256 of the token, in hex, as `bearwatch token` prints it: the settings "
        "file then holds nothing that anybody could push with.",
    )
    token: SecretStr | None = Field(
        default=None, description="The token itself; give it in the environment, not in the file."
    )
    token_file: Path | None = Field(
        default=None, description="File that holds the token itself, and is read at the start."
    )

    @field_validator("sources", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [name.strip() for name in value.split(",") if name.strip()]

    @field_validator("sources")
    @classmethod
    def _are_sources(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        if not all(0 < len(name) <= 64 for name in sources):
            raise ValueError("a source has 1 to 64 characters")
        return sources

    @field_validator("sha256")
    @classmethod
    def _is_digest(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[0-9a-f]{64}", value.get_secret_value()):
            raise ValueError("not 64 lower-case hex digits; copy what `bearwatch token` printed")
        return value

    @field_validator("token")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < LEAST_TOKEN_CHARS:
            raise ValueError(f"under {LEAST_TOKEN_CHARS} characters; make one: `bearwatch token`")
        return value

    @model_validator(mode="after")
    def _is_one(self) -> TokenSettings:
        if sum(one is not None for one in (self.sha256, self.token, self.token_file)) != 1:
            raise ValueError("give one of sha256, token and token_file")
        return self


class UserSettings(_Group):
    """Somebody who may log in to the pages; with a token also without a page."""

    role: Role = Field(
        description="viewer reads; annotator also labels, and says what incidents were worth; "
        "engineer also moves versions; admin may do all of it."
    )
    password_hash: SecretStr | None = Field(
        default=None, description="scrypt hash of the password, as `bearwatch user` prints it."
    )
    sha256: SecretStr | None = Field(
        default=None,
        description="sha256 of a token, in hex, as `bearwatch user --token` prints it: for "
        "programs (`Authorization: Bearer TOKEN`), and for logging in.",
    )

    @field_validator("password_hash")
    @classmethod
    def _is_hash(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            passwords.parse(value.get_secret_value())
        return value

    @field_validator("sha256")
    @classmethod
    def _is_digest(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[0-9a-f]{64}", value.get_secret_value()):
            raise ValueError("not 64 lower-case hex digits; copy what `bearwatch user` printed")
        return value

    @model_validator(mode="after")
    def _can_log_in(self) -> UserSettings:
        if self.password_hash is None and self.sha256 is None:
            raise ValueError("give password_hash, sha256 or both: `bearwatch user` makes them")
        return self


class WebSettings(_Group):
    """The HTTP server of `bearwatch web`: pages, and articles that are pushed to it."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on. Tokens cross the network as they are: put a proxy "
        "with TLS in front before listening elsewhere.",
    )
    port: int = Field(default=8080, ge=0, le=65535, description="TCP port. 0 takes any free one.")
    base_url: str | None = Field(
        default=None,
        description="Where people reach these pages, e.g. https://news.example.com/bearwatch: "
        "alerts link to BASE_URL/incidents/ID. Absent: they carry no link.",
    )
    tokens: dict[str, TokenSettings] = Field(
        default_factory=dict,
        description="Who may push, by a name of your choice: one group [web.tokens.NAME] each.",
    )
    users: dict[str, UserSettings] = Field(
        default_factory=dict,
        description="Who may use the pages, by name: one group [web.users.NAME] each. None: "
        "whoever reaches the pages may read them, and nobody may write.",
    )
    refresh_seconds: int = Field(
        default=5,
        ge=0,
        le=3600,
        description="How often the live page loads itself again. 0: it does not.",
    )
    session_hours: float = Field(
        default=12, gt=0, le=720, description="How long a log-in lasts, whatever is done in it."
    )
    max_body_bytes: int = Field(
        default=4_194_304, ge=1024, le=67_108_864, description="Largest body of one push."
    )
    max_records: int = Field(default=1000, ge=1, le=10_000, description="Most articles of a push.")
    requests_per_second: float = Field(
        default=20,
        gt=0,
        le=100_000,
        description="Pushes that each token may make in the long run.",
    )
    burst: int = Field(
        default=40,
        ge=1,
        le=100_000,
        description="Pushes that a token may make at once after a rest.",
    )
    concurrent_requests: int = Field(
        default=16,
        ge=1,
        le=1000,
        description="Pushes in hand at a time; one more is told to wait.",
    )
    head_within_seconds: float = Field(
        default=10, gt=0, le=300, description="How long a client may take over a request's head."
    )
    body_within_seconds: float = Field(
        default=20, gt=0, le=300, description="How long a client may take over a request's body."
    )
    answer_within_seconds: float = Field(
        default=5,
        gt=0,
        le=60,
        description="How long Kafka or the database may take to store a push; after that its "
        "sender is told to try again.",
    )

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if not _BASE_URL.fullmatch(url):
            raise ValueError(
                "write http:// or https://, a host and perhaps a path; no user, ? or #"
            )
        return url.rstrip("/")

    @field_validator("tokens")
    @classmethod
    def _are_names(cls, tokens: dict[str, TokenSettings]) -> dict[str, TokenSettings]:
        if not all(_NAME.fullmatch(name) for name in tokens):
            raise ValueError(
                "a token's name begins with a-z and has up to 32 of a-z, 0-9, - and _"
            )
        return tokens

    @field_validator("users")
    @classmethod
    def _are_users(cls, users: dict[str, UserSettings]) -> dict[str, UserSettings]:
        if not all(_NAME.fullmatch(name) for name in users):
            raise ValueError("a user's name begins with a-z and has up to 32 of a-z, 0-9, - and _")
        digests = [one.sha256.get_secret_value() for one in users.values() if one.sha256]
        if len(set(digests)) != len(digests):
            raise ValueError("two users have the same token; make one for each: `bearwatch user`")
        return users


class LabellingSettings(_Group):
    """The page on which people label."""

    show_suggestion: bool = Field(
        default=False,
        description="Whether the classifier's answer is shown before one has answered. Who sees "
        "it tends to agree with it; afterwards it is shown in any case.",
    )
