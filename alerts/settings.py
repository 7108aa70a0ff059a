"""Who is told, and of what. httpx and apprise are not imported here unless they are used."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Secret,
    SecretStr,
    field_validator,
    model_validator,
)

from alerts.rules import Rule, Severity

LOG: Final = "log"
KAFKA: Final = "kafka"
ALERTMANAGER: Final = "alertmanager"
APPRISE: Final = "apprise."
"""Names of sinks; of Apprise's the beginning, a name of the user's choice follows."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,22}")


class HostUrl(Secret[str]):
    """A URL that may hold a password or a token: shown are its scheme, host and port."""

    def _display(self) -> str:
        parts = urlsplit(self.get_secret_value())
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class _Group(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )


class AlertmanagerSettings(_Group):
    """Prometheus' Alertmanager, by its API v2."""

    urls: tuple[HostUrl, ...] = Field(
        default=(),
        description="Every Alertmanager of a cluster, each by its own address: all are told of "
        "everything, so never a load balancer's. In the environment comma-separated.",
    )
    resend_seconds: float = Field(
        default=60,
        gt=0,
        le=300,
        description="What is firing is sent again so often: it heals a restarted Alertmanager.",
    )
    ends_after_seconds: float = Field(
        default=300,
        gt=0,
        le=86_400,
        description="Without a word from Bearwatch for so long an alert counts as resolved.",
    )
    within_seconds: float = Field(
        default=5, gt=0, le=60, description="How long one Alertmanager may take to answer."
    )

    @field_validator("urls", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [url.strip() for url in value.split(",") if url.strip()]

    @field_validator("urls")
    @classmethod
    def _are_urls(cls, urls: tuple[HostUrl, ...]) -> tuple[HostUrl, ...]:
        for url in urls:
            if not _is_web(url.get_secret_value()):
                raise ValueError("write each as http://HOST:PORT or https://HOST:PORT")
        return urls

    @model_validator(mode="after")
    def _outlasts(self) -> AlertmanagerSettings:
        if self.ends_after_seconds < 2 * self.resend_seconds:
            raise ValueError(
                "ends_after_seconds must be at least twice resend_seconds, or alerts would seem "
                "resolved in between"
            )
        return self


class AppriseSettings(_Group):
    """One receiver by Apprise: Slack, Teams, mail, a webhook or one of a hundred others."""

    url: SecretStr = Field(
        description="Apprise URL, as https://github.com/caronc/apprise/wiki describes them; it "
        "holds tokens, so give it in the environment or keep the file to yourself."
    )

    @field_validator("url")
    @classmethod
    def _is_known(cls, url: SecretStr) -> SecretStr:
        from alerts.apprise_channel import receiver  # it brings apprise

        if receiver(url.get_secret_value()) is None:
            raise ValueError("not a complete Apprise URL; see github.com/caronc/apprise/wiki")
        return url


class AlertKafkaSettings(_Group):
    """Incidents in Kafka's topic `[kafka] alerts_topic`."""

    enabled: bool = Field(
        default=True,
        description="Whether they are published there, once `[kafka] servers` is set.",
    )


class RouteSettings(_Group):
    """Which incidents go where. An empty list means any."""

    severity: Severity = Field(default="info", description="This severity, or graver.")
    kinds: tuple[str, ...] = Field(default=(), description="Of all, topic, company.")
    keys: tuple[str, ...] = Field(default=(), description="Topics, or symbols of companies.")
    rules: tuple[Rule, ...] = Field(default=(), description="Names of rules.")
    sinks: tuple[str, ...] = Field(
        description="Who is told: alertmanager, apprise.NAME. Nobody, if empty. The log and "
        "Kafka have everything in any case."
    )

    @field_validator("kinds")
    @classmethod
    def _are_kinds(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(kinds) - {"all", "topic", "company"}):
            raise ValueError(f"no kind: {', '.join(unknown)}; use all, topic, company")
        return kinds


class AlertSettings(_Group):
    """Where incidents are told."""

    old_after_hours: float = Field(
        default=6,
        gt=0,
        le=8760,
        description="News older than this calls nobody: only the log and Kafka have it.",
    )
    give_up_after_hours: float = Field(
        default=24,
        gt=0,
        le=8760,
        description="A message that could not be delivered for so long is given up; the log and "
        "a metric tell.",
    )
    alertmanager: AlertmanagerSettings = Field(default_factory=AlertmanagerSettings)
    apprise: dict[str, AppriseSettings] = Field(
        default_factory=dict,
        description="Receivers by a name of your choice: one group [alerts.apprise.NAME] each.",
    )
    kafka: AlertKafkaSettings = Field(default_factory=AlertKafkaSettings)
    routes: tuple[RouteSettings, ...] = Field(
        default=(),
        description="The first that fits an incident says who is told; of one that fits none, "
        "nobody. Without any route everybody is told of warn and critical.",
    )

    @property
    def old_after(self) -> timedelta:
        """The age from which news calls nobody."""
        return timedelta(hours=self.old_after_hours)

    @property
    def give_up_after(self) -> timedelta:
        """The age at which an undelivered message is given up."""
        return timedelta(hours=self.give_up_after_hours)

    @property
    def sinks(self) -> tuple[str, ...]:
        """Names of everything that can be told, Kafka's too if it is not switched off."""
        found = [LOG]
        found += [KAFKA] if self.kafka.enabled else []
        found += [ALERTMANAGER] if self.alertmanager.urls else []
        return (*found, *(APPRISE + name for name in self.apprise))

    @field_validator("apprise")
    @classmethod
    def _are_names(cls, found: dict[str, AppriseSettings]) -> dict[str, AppriseSettings]:
        if not all(_NAME.fullmatch(name) for name in found):
            raise ValueError("a name begins with a-z and has up to 23 of a-z, 0-9, - and _")
        return found

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> AlertSettings:
        named = {sink for route in self.routes for sink in route.sinks}
        if unknown := sorted(named - set(self.sinks)):
            raise ValueError(
                f"routes name sinks that are not set up: {', '.join(unknown)}; there are "
                f"{', '.join(self.sinks)}"
            )
        return self


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
