"""The commands about versions, except for comparing them: none of what is shown needs torch."""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from pipeline.display import Shown
from pipeline.registry import folders
from pipeline.registry.registry import Registry
from pipeline.store import events, versions
from pipeline.store.database import Database, StoreError
from pipeline.store.versions import Promotion, Registered

TASKS: Final = ("topic", "sentiment")
SHIPS: Final = "ships"


def register(registry: Registry, folder: Path, *, by: str | None, now: datetime) -> Shown:
    """Take a version into the registry."""
    found = registry.register(folder, by=by or getpass.getuser(), now=now)
    told = f"{found.id} is registered; `bearwatch models promote {found.id}` makes it the champion"
    return Shown(_as_json(found), told)


def promote(registry: Registry, name: str, *, by: str | None, reason: str, now: datetime) -> Shown:
    """Make a version the champion."""
    done = registry.promote(name, actor=by or getpass.getuser(), reason=reason, now=now)
    return _moved(done)


def rollback(registry: Registry, *, by: str | None, reason: str, now: datetime) -> Shown:
    """Go back to the champion before."""
    return _moved(registry.rollback(actor=by or getpass.getuser(), reason=reason, now=now))


def listing(db: Database) -> Shown:
    """Every version, the newest first, and which one is the champion."""
    found = versions.listed(db)
    champion = _champion(db)
    result = {"champion": champion, "versions": [_as_json(one) for one in found]}
    table = Table(title="Versions", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in ("id", "registered (UTC)", "by", "from", "topic F1", "sentiment F1", ""):
        table.add_column(name, overflow="fold", justify="right" if "F1" in name else "left")
    shipped = folders.shipped_id()
    if all(one.id != shipped for one in found):
        card = json.loads((folders.SHIPPED / folders.CARD).read_text(encoding="utf-8"))
        result["ships"] = shipped
        table.add_row(shipped, "", "", "", *_f1(card, None), _mark(shipped, champion))
    for one in found:
        table.add_row(
            one.id,
            f"{one.made_at:%Y-%m-%d %H:%M}",
            escape(one.made_by),
            one.parent or "",
            *_f1(one.card, one.report),
            _mark(one.id, champion),
        )
    return Shown(result, table)


def show_version(db: Database, registry: Registry, name: str) -> Shown:
    """One version: its card, its report, and when it was the champion."""
    one = registry.one(name)
    moves = [m for m in versions.history(db) if one.id in (m.version, m.previous)]
    result = _as_json(one) | {
        "champion": _champion(db) == one.id,
        "card": one.card,
        "report": one.report,
        "history": [_move(m) for m in moves],
    }
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for label, value in _facts(one).items():
        facts.add_row(label, escape(value))
    parts: list[RenderableType] = [f"{one.id} {_mark(one.id, _champion(db))}".strip(), facts]
    return Shown(result, Group(*parts, *([_moves(moves)] if moves else [])))


def history(db: Database) -> Shown:
    """Who made what the champion, when and why."""
    found = versions.history(db)
    offsets = {
        (event.at, event.value["to"]): event.value.get("offsets", {})
        for event in events.read(db, "version")
    }
    moves = [_move(one) | {"offsets": offsets.get((one.at, one.version), {})} for one in found]
    result = {"champion": _champion(db), "history": moves}
    told = f"nothing was promoted: {folders.shipped_id()}, which ships, classifies"
    return Shown(result, _moves(found) if found else told)


def at(db: Database, when: datetime) -> Shown:
    """The champion of a time."""
    found = versions.at(db, when)
    if found is None:
        known = versions.history(db)
        version = (known[0].previous if known else None) or folders.shipped_id()
        told = f"{version}, which shipped: nothing had been promoted"
        return Shown({"at": when.isoformat(), "version": version, "promotion": None}, told)
    since = f"since {found.at:%Y-%m-%d %H:%M} UTC, by {found.actor}: {found.reason}"
    result = {"at": when.isoformat(), "version": found.version, "promotion": _move(found)}
    return Shown(result, escape(f"{found.version} {since}"))


def of_article(db: Database, name: str) -> Shown:
    """The version that labelled an article, which stands on its row; ``name`` is SOURCE/ID.

    Raises:
        StoreError: there is no such article.
    """
    source, version = _article(db, name)
    known = versions.find(db, version) if version else []
    result = {
        "source": source,
        "id": name[len(source) + 1 :],
        "version": version,
        "registered": bool(known),
    }
    return Shown(result, version or "it was never classified: it was deleted before it came")


def _article(db: Database, name: str) -> tuple[str, str | None]:
    """Source and version. A slash may also stand within a source."""
    places = [place for place, letter in enumerate(name) if letter == "/"]
    for place in places:
        try:
            found = versions.version_of_article(db, name[:place], name[place + 1 :])
        except StoreError:
            continue
        return name[:place], found
    raise StoreError(f"there is no article {name!r}; write SOURCE/ID")


def _moved(done: Promotion) -> Shown:
    told = (
        f"{done.version} is the champion, in place of {done.previous}: running workers take it "
        "within seconds; incidents stay at info for 3 h of news"
    )
    return Shown(_move(done), told)


def _champion(db: Database) -> str:
    found = versions.champion(db)
    return folders.shipped_id() if found is None else found.version


def _mark(version: str, champion: str) -> str:
    marks = [
        *(["champion"] if version == champion else []),
        *([SHIPS] if version == folders.shipped_id() else []),
    ]
    return ", ".join(marks)


def _f1(card: Mapping[str, Any], report: Mapping[str, Any] | None) -> list[str]:
    """Macro-F1 by task: of the report, else of the rows that training chose the epoch by."""
    scores = report or card["scores"].get("inner") or {}
    found = [scores.get(task) for task in TASKS]
    return [
        f"{one['macro_f1']:.3f}" if isinstance(one, Mapping) and "macro_f1" in one else ""
        for one in found
    ]


def _facts(one: Registered) -> dict[str, str]:
    card = one.card
    scores = dict(zip(TASKS, _f1(card, one.report), strict=True))
    recipe = {name: value for name, value in card["recipe"].items() if name != "start"}
    return {
        "registered": f"{one.made_at:%Y-%m-%d %H:%M} UTC by {one.made_by}",
        "went on from": one.parent or "the prompt alone",
        "encoder": card["backbone"],
        "topics": ", ".join(card["topics"]),
        "macro F1": ", ".join(f"{task} {value}" for task, value in scores.items() if value),
        "learned from": "; ".join(str(data.get("name", "")) for data in card["data"]),
        "recipe": ", ".join(f"{name} {value}" for name, value in recipe.items()),
        "limits": " ".join(card["limits"]),
        "files": str(one.folder),
    }


def _moves(found: Sequence[Promotion]) -> Table:
    table = Table(title="Champions", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in ("at (UTC)", "what", "version", "in place of", "by", "why"):
        table.add_column(name, overflow="fold")
    for one in found:
        table.add_row(
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            one.kind,
            one.version,
            one.previous or "",
            escape(one.actor),
            escape(one.reason),
        )
    return table


def _move(one: Promotion) -> dict[str, Any]:
    return {
        "seq": one.seq,
        "at": one.at.isoformat(),
        "kind": one.kind,
        "version": one.version,
        "previous": one.previous,
        "actor": one.actor,
        "reason": one.reason,
    }


def _as_json(one: Registered) -> dict[str, Any]:
    return {
        "id": one.id,
        "made_at": one.made_at.isoformat(),
        "made_by": one.made_by,
        "parent": one.parent,
        "folder": str(one.folder),
        "topic_f1": _f1(one.card, one.report)[0] or None,
        "sentiment_f1": _f1(one.card, one.report)[1] or None,
    }
