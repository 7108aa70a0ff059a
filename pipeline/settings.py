"""Every setting of the program. The only module that reads the settings file and the environment.

A setting is found in this order: command line, environment, file, default. The file is TOML with
one table per group; the environment writes `[database] url` as `BEARWATCH_DATABASE__URL`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Secret, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from alerts.rules import IncidentSettings
from alerts.settings import AlertSettings
from alerts.spikes import SpikeSettings
from ingest.feeds.settings import FeedSettings
from ingest.kafka.settings import KafkaSettings
from ingest.language_codes import LANGUAGES
from models.settings import EngineSettings
from pipeline.labels.settings import LabelSettings
from pipeline.masking import masked_text
from pipeline.registry.settings import RegistrySettings
from pipeline.retraining.settings import RetrainingSettings
from pipeline.setting_problems import in_words, unknown_variables
from pipeline.web.settings import LabellingSettings, WebSettings

DEFAULT_FILE = Path("bearwatch.toml")
PREFIX = "BEARWATCH_"
NESTING = "__"


class InvalidSettings(Exception):
    """One line per problem, all problems at once, so that a bad file is mended in one go."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("invalid settings:\n" + "\n".join(f"  {line}" for line in problems))
        self.problems = problems


class SecretUrl(Secret[str]):
    """A URL that may hold a password: masked in text, whole only by ``get_secret_value()``."""

    def _display(self) -> str:
        return masked_text(self.get_secret_value())


class _Group(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )


def _listed(value: object, what: str) -> object:
    """A list from the environment, which was no JSON: comma-separated."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        raise ValueError(f"not a JSON list of {what}")
    return [name.strip() for name in value.split(",") if name.strip()]


class DatabaseSettings(_Group):
    """Where articles, counts and incidents are kept."""

    url: SecretUrl = Field(
        default=SecretUrl("sqlite:///var/bearwatch.db"),
        description="SQLAlchemy URL: sqlite:///FILE (relative to the working folder), or "
        "postgresql://USER:PASSWORD@HOST/NAME.",
    )

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: SecretUrl) -> SecretUrl:
        if not re.match(r"[a-z][a-z0-9]*(\+[a-z0-9]+)?://", url.get_secret_value()):
            raise ValueError("not a database URL; write for example sqlite:///var/bearwatch.db")
        return url


class ModelSettings(_Group):
    """Which classifier is used, and how."""

    folder: Path | None = Field(
        default=None,
        description="Folder of a trained version, for good. Absent: workers follow the champion "
        "of `bearwatch models`, which is the version that ships until another is promoted.",
    )
    topics: Path | None = Field(
        default=None,
        description="YAML file of topics and sentiments. Absent: the list that is shipped. A "
        "topic that is added with a sentence works at once, and better once it has labels.",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto",
        description="Number format of the encoder; auto takes bf16 where the hardware has it.",
    )
    engine: EngineSettings = Field(
        default_factory=EngineSettings, description="How texts are batched for the classifier."
    )


class CountingSettings(_Group):
    """How event time advances, and what is counted."""

    lateness_minutes: float = Field(
        default=10,
        ge=0,
        le=1440,
        description="How far the watermark stays behind the newest event; an article older than "
        "the watermark is counted as late, and still corrects its bucket.",
    )
    report_fresh_within_seconds: float = Field(
        default=60,
        gt=0,
        le=3600,
        description="A worker's report older than this holds the watermark where it is.",
    )
    languages: tuple[str, ...] = Field(
        default=("en",),
        description="ISO 639-1 codes of the languages that are counted; articles of others are "
        "stored and scored, no more. Of uncertain language: counted. Empty: all are. It applies "
        "to what is counted from then on. In the environment: comma-separated, or a JSON list.",
    )

    sure: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="A story counts as negative or positive where that has at least this "
        "probability, else as neutral; 0: the likeliest sentiment, however near the next. It "
        "applies to what is counted from then on.",
    )

    @field_validator("languages", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return _listed(value, "codes")

    @field_validator("languages")
    @classmethod
    def _are_known(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [code for code in languages if code not in LANGUAGES]
        if unknown:
            told = ", ".join(LANGUAGES)
            raise ValueError(f"no language that is told apart: {', '.join(unknown)}; use {told}")
        return languages

    @property
    def lateness(self) -> timedelta:
        """How far the watermark stays behind the newest event."""
        return timedelta(minutes=self.lateness_minutes)

    @property
    def report_fresh_within(self) -> timedelta:
        """The age up to which a worker's report is believed."""
        return timedelta(seconds=self.report_fresh_within_seconds)


class CompanySettings(_Group):
    """Which companies are watched."""

    watchlist: Path | None = Field(
        default=None,
        description="CSV of symbol, name, aliases. Absent: the list that is shipped.",
    )


class SourceSettings(_Group):
    """How records are read, and which publishers are counted by name."""

    names: tuple[str, ...] = Field(
        default=(),
        description="Values of the articles' `source` that get a series of their own; all "
        "others count as `other`. In the environment: comma-separated, or a JSON list.",
    )

    poll_records: int = Field(
        default=1024,
        ge=1,
        le=100_000,
        description="Records of one poll: classified together, stored in one transaction.",
    )

    @field_validator("names", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return _listed(value, "names")

    @field_validator("names")
    @classmethod
    def _is_closed_set(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) != len(names):
            raise ValueError("a name is written twice")
        if "other" in names:
            raise ValueError("'other' is kept for the sources that are not named")
        if not all(0 < len(name) <= 64 for name in names):
            raise ValueError("a source has 1 to 64 characters")
        return names


class MetricsSettings(_Group):
    """The HTTP server for Prometheus and for health checks."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on. There is no password: keep it off public networks.",
    )
    port: int = Field(default=9108, ge=0, le=65535, description="TCP port. 0 takes any free one.")


class MonitorSettings(_Group):
    """Which of several monitors is active."""

    lease_seconds: float = Field(
        default=30,
        ge=2,
        le=600,
        description="A standby takes over when the active monitor has not renewed its lease for "
        "so long. The machines' clocks should agree to within a few seconds.",
    )

    @property
    def lease(self) -> timedelta:
        """How long the lease lasts from each renewal."""
        return timedelta(seconds=self.lease_seconds)


class HealthSettings(_Group):
    """When /healthz says that the program hangs."""

    stalled_after_seconds: float = Field(
        default=120,
        gt=0,
        description="A part without progress for this long, although it has work, is stalled.",
    )


class LogSettings(_Group):
    """What is written to standard error."""

    format: Literal["auto", "console", "json"] = Field(
        default="auto",
        description="auto: for people on a terminal, JSON lines elsewhere.",
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least important level that is still written."
    )


class Settings(BaseSettings):
    """The whole program's settings. ``load`` reads them; building one here reads nothing."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix=PREFIX,
        env_nested_delimiter=NESTING,
        env_ignore_empty=True,
    )

    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    registry: RegistrySettings = Field(default_factory=RegistrySettings)
    spikes: SpikeSettings = Field(default_factory=SpikeSettings)
    incidents: IncidentSettings = Field(default_factory=IncidentSettings)
    counting: CountingSettings = Field(default_factory=CountingSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    companies: CompanySettings = Field(default_factory=CompanySettings)
    sources: SourceSettings = Field(default_factory=SourceSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    feeds: FeedSettings = Field(default_factory=FeedSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    labelling: LabellingSettings = Field(default_factory=LabellingSettings)
    monitor: MonitorSettings = Field(default_factory=MonitorSettings)
    retraining: RetrainingSettings = Field(default_factory=RetrainingSettings)
    health: HealthSettings = Field(default_factory=HealthSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    labels: LabelSettings = Field(default_factory=LabelSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what the constructor is given: ``load`` brings the rest in its own order."""
        return (init_settings,)

    def masked(self) -> dict[str, Any]:
        """Every setting that has a value, fit for JSON and TOML, secrets masked."""
        return self.model_dump(mode="json", exclude_none=True)


def load(
    path: Path | None = None, *, overrides: Mapping[str, Mapping[str, object]] | None = None
) -> Settings:
    """Read the settings. ``overrides`` come from the command line; None in it means not given.

    Without ``path`` the file is ``bearwatch.toml`` in the working folder, if there is one.

    Raises:
        InvalidSettings: the file cannot be read, unknown names, values out of range.
    """
    problems: list[str] = []
    file = _read_file(path, problems)
    environment = _Environment(Settings)()
    given = {
        group: {name: value for name, value in values.items() if value is not None}
        for group, values in (overrides or {}).items()
    }
    problems += unknown_variables(Settings, os.environ)
    try:
        settings = Settings(**_merge(_merge(file, environment), given))
    except ValidationError as error:
        origins = {"on the command line": given, "in the environment": environment}
        found = error.errors(include_url=False, include_context=False)
        raise InvalidSettings(problems + [in_words(Settings, e, origins) for e in found]) from None
    if problems:
        raise InvalidSettings(problems)
    return settings


class _Environment(EnvSettingsSource):
    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # noqa: ANN401 - as inherited
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value  # validation tells it together with the other problems


def _read_file(path: Path | None, problems: list[str]) -> dict[str, Any]:
    if path is None:
        if not DEFAULT_FILE.exists():
            return {}
        path = DEFAULT_FILE
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        problems.append(f"{path}: not UTF-8; save it as UTF-8")
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{path}: not TOML: {error}")
    else:
        # The settings class takes arguments of its own under such names.
        hidden = [name for name in values if name.startswith("_")]
        problems += [f"{name} in the settings file: unknown setting; remove it" for name in hidden]
        return {name: value for name, value in values.items() if name not in hidden}
    return {}


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = _merge(old, value)
        merged[key] = value
    return merged
