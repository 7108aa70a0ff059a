"""Readings and scores made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from alerts.scores import Reading

QUIET: Final = Reading(
    observed=1,
    total=5,
    expected=1.0,
    expected_low=0,
    expected_high=4,
    ratio=1.0,
    share=0.2,
    baseline_share=0.2,
    lift=0.0,
    p_count=0.6,
    p_share=1.0,
    p_others=1.0,
    score=0.0,
    s_count=0.0,
    s_share=0.0,
    s_others=0.0,
    volume_score=0.0,
    volume_observed=5,
    volume_expected=5.0,
    volume_low=1,
    volume_high=11,
    volume_p=0.6,
    volume_ratio=1.0,
    window_minutes=60,
    volume_window_minutes=60,
    p_count_60=0.6,
    ratio_60=1.0,
    over_60=0.0,
    volume_p_60=0.6,
    volume_ratio_60=1.0,
    volume_over_60=0.0,
    newest=0,
    newest_stories=0,
    sparse=False,
    in_bh=False,
    baseline_days=30.0,
)
"""A dense key on a usual day."""

SPIKE: Final = replace(
    QUIET,
    observed=12,
    total=16,
    ratio=4.0,
    share=0.75,
    lift=0.55,
    p_count=1e-6,
    p_share=1e-6,
    p_others=1e-6,
    p_count_60=1e-6,
    ratio_60=4.0,
    over_60=9.0,
    score=5.0,
    s_count=5.5,
    s_share=5.0,
    s_others=5.0,
    volume_score=2.0,
    newest=2,
    newest_stories=3,
    in_bh=True,
)
"""A dense key in the middle of bad news; critical, given the sources."""

BURST: Final = replace(
    QUIET,
    total=40,
    volume_score=6.0,
    volume_observed=40,
    volume_ratio=4.0,
    volume_p_60=1e-6,
    volume_ratio_60=4.0,
    volume_over_60=30.0,
    newest_stories=4,
)
"""Many stories, no more negative than usual."""


def spike(**changes: Any) -> Reading:
    """``SPIKE`` with some numbers changed."""
    return replace(SPIKE, **changes)


def burst(**changes: Any) -> Reading:
    """``BURST`` with some numbers changed."""
    return replace(BURST, **changes)
