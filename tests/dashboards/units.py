"""How a value is written in a unit of Grafana's, as far as the dashboards use them."""

from __future__ import annotations

from datetime import UTC, datetime


def say(value: float, unit: str, decimals: int | None, now: float) -> str:
    """The value as people read it; ``now`` is what times are relative to."""
    match unit:
        case "percentunit":
            return f"{value * 100:.3g}%" if decimals is None else f"{value:.{decimals}%}"
        case "s":
            return duration(value)
        case "bytes":
            return sized(value)
        case "dateTimeFromNow":
            return f"{duration(now - value / 1000)} ago"
        case "dateTimeAsIso":
            return datetime.fromtimestamp(value / 1000, UTC).strftime("%d %b %H:%M")
        case "bool_yes_no":
            return "yes" if value else "no"
        case "ops" | "reqps":
            return f"{short(value, decimals)}/s"
        case _:
            return short(value, decimals)


def short(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e4, "K")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'K' else size):.1f}{letter}"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds * 1000:.3g} ms" if 0 < abs(seconds) < 1 else f"{seconds:.3g} s"


def sized(value: float) -> str:
    for size, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:.0f} B"
