"""How the next article to label is chosen."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


class LabelSettings(BaseModel):
    """What annotators are asked about next."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )

    random_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Share of questions that are drawn at random, however sure the classifier "
        "is. Only they tell how often it is right about what is published.",
    )
    second_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of questions about what another annotator has labelled already: from "
        "them comes the agreement between annotators.",
    )
    recent_days: float = Field(
        default=30,
        gt=0,
        le=3660,
        description="Only articles published within so many days are asked about.",
    )
    pool: int = Field(
        default=1_000,
        ge=10,
        le=20_000,
        description="The newest stories among which a choice is made; where these are labelled, "
        "as many before them.",
    )

    @property
    def recent(self) -> timedelta:
        """How old an article may be."""
        return timedelta(days=self.recent_days)
