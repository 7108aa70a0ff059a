"""The engine's settings. No torch here, so that every command can read its settings at once."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EngineSettings(BaseModel):
    """How texts are put together into batches, and how many may wait."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )

    max_padded_tokens: int = Field(
        default=8192,
        ge=512,  # one text of the longest length must fit
        le=1_048_576,
        description="Upper bound of a batch: rows times the longest row, in tokens.",
    )
    max_rows: int = Field(
        default=512, ge=1, le=65_536, description="Upper bound of a batch, in texts."
    )
    max_wait_seconds: float = Field(
        default=0.01,
        ge=0,
        le=10,
        description="Longest time a text waits for others to share its batch. 0 waits for none.",
    )
    max_waiting_rows: int = Field(
        default=16_384,
        ge=1,
        description="Texts that may wait for the model before callers have to hold back.",
    )
    max_hold_seconds: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="Longest time a caller is held back by a full queue before it is refused.",
    )
    cache_rows: int = Field(
        default=20_000,
        ge=0,
        description="Newest distinct texts whose predictions are remembered. 0 remembers none.",
    )
