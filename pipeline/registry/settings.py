"""The registry's settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class RegistrySettings(BaseModel):
    """Where versions lie, and how running workers follow the champion."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )

    folder: Path | None = Field(
        default=None,
        description="Where the files of versions are written. They are also in the database, from "
        "where every machine fills its own folder. Absent: `versions` beside the SQLite file; "
        "with PostgreSQL var/versions.",
    )
    look_every_seconds: float = Field(
        default=5,
        gt=0,
        le=60,
        description="How often a running worker asks which version is the champion.",
    )
    load_within_seconds: float = Field(
        default=120,
        gt=0,
        le=3600,
        description="A version that takes longer to load is given up; the old one goes on.",
    )
