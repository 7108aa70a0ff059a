"""How Kafka is reached. kafka-python is not imported here, so that settings cost nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

RECORD_BYTES: Final = 1_179_648
"""Largest record of the topic of raw articles: 1 MiB, more than a parser accepts, so that an
oversized one still comes to be a dead letter; and 128 KiB for its key and what Kafka adds."""

DEAD_RECORD_BYTES: Final = 2 * RECORD_BYTES
"""Largest record of the dead topic: such a record in base64, and why it is there."""

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"]


class KafkaSettings(BaseModel):
    """Brokers, topics and security. Without ``servers`` nothing is read from Kafka."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )

    servers: tuple[str, ...] = Field(
        default=(),
        description="Brokers to ask first, HOST:PORT; in the environment comma-separated.",
    )
    raw_topic: str = Field(default="news.raw", description="Topic that articles are read from.")
    dead_topic: str = Field(default="news.dead", description="Topic of records that are none.")
    alerts_topic: str = Field(default="news.alerts", description="Topic of incidents.")
    labels_topic: str = Field(
        default="news.labels",
        description="Topic of labels, for `bearwatch labels listen`; nothing else needs it.",
    )
    group: str = Field(
        default="bearwatch",
        min_length=1,
        description="Consumer group whose members share the partitions. Positions are kept in "
        "the database: two groups on one database would take each other's partitions.",
    )
    broker_version: str = Field(
        default="4.2",
        pattern=r"^\d+\.\d+$",
        description="Oldest version among the brokers. It is not asked for: a broker that is "
        "absent at the start is waited for.",
    )
    session_timeout_seconds: float = Field(
        default=10,
        ge=6,
        le=300,
        description="A worker that was not heard of for this long loses its partitions.",
    )
    fetch_bytes: int = Field(
        default=16_777_216,
        ge=1_048_576,
        le=268_435_456,
        description="Upper bound of what one broker sends at once; one record may exceed it.",
    )
    security: Protocol = Field(
        default="PLAINTEXT",
        description="SSL encrypts, SASL asks for a user; SASL_PLAINTEXT shows passwords of "
        "mechanism PLAIN to the network.",
    )
    ca_file: Path | None = Field(
        default=None, description="PEM file of whoever signed the brokers' certificates."
    )
    cert_file: Path | None = Field(default=None, description="PEM file of our own certificate.")
    key_file: Path | None = Field(default=None, description="PEM file of its private key.")
    key_password: SecretStr | None = Field(default=None, description="Password of that key.")
    mechanism: Mechanism = Field(default="SCRAM-SHA-256", description="How SASL asks.")
    user: str | None = Field(default=None, description="SASL user.")
    password: SecretStr | None = Field(default=None, description="SASL password.")

    @field_validator("servers", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [server.strip() for server in value.split(",") if server.strip()]

    @field_validator("servers")
    @classmethod
    def _are_addresses(cls, servers: tuple[str, ...]) -> tuple[str, ...]:
        for server in servers:
            host, _, port = server.rpartition(":")
            if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
                raise ValueError("write each broker as HOST:PORT, e.g. localhost:9092")
        return servers

    @model_validator(mode="after")
    def _is_complete(self) -> KafkaSettings:
        if self.security.startswith("SASL") and (self.user is None or self.password is None):
            raise ValueError(f"security {self.security} needs user and password")
        if self.user is not None and not self.security.startswith("SASL"):
            raise ValueError("a user is given, but security has no SASL; write e.g. SASL_SSL")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        if not self.security.endswith("SSL") and (self.ca_file or self.cert_file):
            raise ValueError("certificates are given, but security has no SSL; write e.g. SSL")
        return self

    @property
    def topics(self) -> tuple[str, ...]:
        """The four topics: raw, dead, alerts, labels."""
        return (self.raw_topic, self.dead_topic, self.alerts_topic, self.labels_topic)

    def for_labels(self) -> KafkaSettings:
        """For a member of another group, that reads the topic of labels."""
        return self.model_copy(
            update={"raw_topic": self.labels_topic, "group": f"{self.group}.labels"}
        )

    def connection(self) -> dict[str, Any]:
        """What every client of kafka-python is told about brokers and security. Holds secrets."""
        major, _, minor = self.broker_version.partition(".")
        found: dict[str, Any] = {
            "bootstrap_servers": list(self.servers),
            "api_version": (int(major), int(minor)),
            "request_timeout_ms": 15_000,
            "reconnect_backoff_max_ms": 1_000,
            "metadata_max_age_ms": 5_000,
            "security_protocol": self.security,
        }
        if self.security.endswith("SSL"):
            found |= {
                "ssl_cafile": _text(self.ca_file),
                "ssl_certfile": _text(self.cert_file),
                "ssl_keyfile": _text(self.key_file),
                "ssl_password": self.key_password and self.key_password.get_secret_value(),
            }
        if self.security.startswith("SASL") and self.password is not None:
            found |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password.get_secret_value(),
            }
        return found


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
