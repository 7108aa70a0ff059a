"""Which sinks are told of an incident."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.incidents import What
from alerts.rules import SEVERITIES, Rule, Severity, rank
from alerts.settings import ALERTMANAGER, APPRISE, RouteSettings


def is_pager(sink: str) -> bool:
    """Whether somebody may be woken by it; all others keep records, and have everything."""
    return sink == ALERTMANAGER or sink.startswith(APPRISE)


def sinks_for(
    change: What,
    severity: Severity,
    kind: str,
    key: str,
    rule: Rule,
    *,
    routes: Sequence[RouteSettings],
    sinks: Sequence[str],
) -> tuple[str, ...]:
    """Those of ``sinks`` that are told, in their order.

    Whoever may have heard of an incident while it was less grave also hears how it goes on; a
    resolution that a sink has no use for is dropped when it is its turn.
    """
    grades = [severity]
    if change != "opened":
        grades = [one for one in SEVERITIES if rank(one) <= rank(severity)]
    called: set[str] = set()
    for grade in grades:
        called.update(_called(grade, kind, key, rule, routes, sinks))
    return tuple(sink for sink in sinks if sink in called or not is_pager(sink))


def _called(
    severity: Severity,
    kind: str,
    key: str,
    rule: Rule,
    routes: Sequence[RouteSettings],
    sinks: Sequence[str],
) -> Sequence[str]:
    if not routes:
        return () if severity == "info" else sinks
    for route in routes:
        if (
            rank(severity) >= rank(route.severity)
            and (not route.kinds or kind in route.kinds)
            and (not route.keys or key in route.keys)
            and (not route.rules or rule in route.rules)
        ):
            return route.sinks
    return ()
