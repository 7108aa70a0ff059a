"""When the classifier is retrained, on how much, and for how long."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

_DAY = "(mon|tue|wed|thu|fri|sat|sun)"
_DAYS: Final = re.compile(rf"\*|{_DAY}(-{_DAY})?(,{_DAY}(-{_DAY})?)*", re.IGNORECASE)


class RetrainingSettings(BaseModel):
    """When the classifier is retrained, on how much, and how."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )

    cron: str = Field(
        default="30 3 * * *",
        description="When `bearwatch retrain --serve` trains, in UTC: minute, hour, day, month "
        "and day of week, the last by name (mon-fri). Empty: never by the clock.",
    )
    new_labels: int = Field(
        default=200,
        ge=0,
        description="It also trains when so many labels have come since it last did. 0: not.",
    )
    least_new_labels: int = Field(
        default=30,
        ge=1,
        description="With fewer new labels nothing is trained, whatever the trigger.",
    )
    folder: Path = Field(
        default=Path("var/retraining"),
        description="Where a training works. What is in it can be deleted when none runs.",
    )
    most_rows: int = Field(
        default=8_000,
        ge=100,
        description="Rows of one training: the newly labelled ones, and a sample of the others.",
    )
    recipe: tuple[str, ...] = Field(
        default=(),
        description="name=value, as `bearwatch train --set` has them. In the environment: "
        "comma-separated.",
    )
    threads: int = Field(
        default=1, ge=1, le=256, description="Processor threads of a training; it also runs nice."
    )
    longest_minutes: float = Field(
        default=120, gt=0, description="A training that takes longer is ended, and has failed."
    )
    lease_seconds: float = Field(
        default=60,
        ge=2,
        le=600,
        description="Another process takes a training over when its own has not been heard of "
        "for so long.",
    )
    late_by_hours: float = Field(
        default=12,
        gt=0,
        description="A trigger that comes late, because a training was still running, counts "
        "up to this age.",
    )
    recent_articles: int = Field(
        default=1_000,
        ge=0,
        le=100_000,
        description="Newest articles that champion and candidate both classify before a "
        "promotion, to see by how much shares and counts will shift. 0: none.",
    )
    contradicted: float = Field(
        default=0.12,
        gt=0,
        le=1,
        description="New labels are refused when the share that everything speaks against is "
        "higher than usual by more than this.",
    )

    @field_validator("recipe", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [change.strip() for change in value.split(",") if change.strip()]

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        fields = value.split()
        if not fields:
            return ""
        if len(fields) != 5:
            raise ValueError("five fields: minute, hour, day, month, day of week")
        # APScheduler counts Monday as 0, cron Sunday: a number would train on another day.
        if not _DAYS.fullmatch(fields[4]):
            raise ValueError("write days of the week by name, like mon-fri")
        return " ".join(fields)

    @property
    def lease(self) -> timedelta:
        """How long the lease lasts from each renewal."""
        return timedelta(seconds=self.lease_seconds)
