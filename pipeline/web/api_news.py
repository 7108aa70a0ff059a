"""The JSON API's part about news: counts, series and articles of keys, and how things are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query

from pipeline.live import series
from pipeline.store import listing, versions
from pipeline.store.database import Database
from pipeline.web import api_models as models
from pipeline.web.answers import Problem
from pipeline.web.api_paging import aware, cursor_of, place_of, url_of
from pipeline.web.live import Looking
from pipeline.web.versions_pages import champion_of

MOST_POINTS: Final = 1000
"""Of one series."""

Kind = Annotated[models.Kind, Query(description="all, topic or company.")]
Key = Annotated[str, Query(max_length=64, description="all, a topic's name, a symbol.")]


class News:
    """``names`` are the companies', by symbol; ``languages`` those whose articles are counted."""

    def __init__(
        self,
        opened: Callable[[], Database],
        look: Looking,
        names: Mapping[str, str],
        languages: tuple[str, ...],
    ) -> None:
        self._opened = opened
        self._look = look
        self._names = names
        self._languages = languages

    def add_to(self, router: APIRouter) -> None:
        """Route it."""

        @router.get("/status", tags=["news"])
        def status() -> models.Status:
            """How things are: counts, lag, classifier."""
            return self._status()

        @router.get("/keys", tags=["news"])
        def keys(kind: models.Kind | None = None) -> models.Keys:
            """Stories of each key in the last 24 hours and in the last hour."""
            return self._keys(kind)

        @router.get("/buckets", tags=["news"])
        def buckets(
            kind: Kind,
            key: Key,
            since: datetime | None = None,
            until: datetime | None = None,
            limit: Annotated[int, Query(ge=1, le=2000)] = 288,
        ) -> models.Buckets:
            """Counts per 5 minutes, oldest first. Without ``since`` of the last 24 hours."""
            return self._buckets((kind, key), since, until, limit)

        @router.get("/series", tags=["news"])
        def hours(
            kind: Kind,
            key: Key,
            hours: Annotated[int, Query(ge=1, le=720)] = 24,
            step_minutes: Annotated[
                int, Query(ge=5, le=60, description="5, 10, 15, 20, 30 or 60.")
            ] = 15,
        ) -> models.Series:
            """Stories of the hour before each moment, beside what is usual."""
            return self._series((kind, key), hours, step_minutes)

        @router.get("/articles", tags=["news"])
        def articles(
            kind: Kind,
            key: Key,
            cursor: Annotated[
                str | None, Query(max_length=500, description="From `next` of the page before.")
            ] = None,
            limit: Annotated[int, Query(ge=1, le=100)] = 50,
        ) -> models.Articles:
            """The newest articles that were counted under a key, newest first."""
            return self._articles((kind, key), cursor, limit)

    def _status(self) -> models.Status:
        found = self._look.look().live
        work = found.work
        return models.Status(
            at=found.at,
            watermark=work.watermark,
            waiting_records=work.waiting,
            partitions=work.partitions,
            silent_partitions=work.silent,
            monitor_at_work=work.watched,
            finished=work.ended,
            dead_letters=work.dead_letters,
            classifier=work.version,
            champion=champion_of(versions.history(self._opened())),
            open_incidents=len(found.open),
        )

    def _keys(self, wanted: models.Kind | None) -> models.Keys:
        found = self._look.look().live
        items = [
            models.KeyCounts(
                kind=kind,  # type: ignore[arg-type] # one of the three
                key=key,
                name=self._names.get(key, key) if kind == "company" else key,
                stories=total.stories,
                negative=total.negative,
                stories_last_hour=total.stories_lately,
                negative_last_hour=total.negative_lately,
            )
            for (kind, key), total in sorted(found.totals.items())
            if kind in ("all", "topic", "company") and wanted in (None, kind)
        ]
        return models.Keys(at=found.at, items=items)

    def _buckets(
        self, key: tuple[str, str], since: datetime | None, until: datetime | None, limit: int
    ) -> models.Buckets:
        self._known(key)
        first, last = aware(since), aware(until)
        if last is None:
            last = self._look.look().live.at or datetime.now(UTC)
        first = first or last - timedelta(hours=24)
        rows = listing.bucket_rows(self._opened(), key, first, last, limit=limit + 1)
        more = None
        if len(rows) > limit:
            given = {"since": rows[limit].start, "until": last, "limit": limit}
            more = url_of("buckets", {"kind": key[0], "key": key[1]} | given)
        items = [models.Bucket.model_validate(row) for row in rows[:limit]]
        return models.Buckets(items=items, next=more)

    def _series(self, key: tuple[str, str], hours: int, step: int) -> models.Series:
        self._known(key)
        if step % 5 or 60 % step:
            raise Problem(400, "No such step", "step_minutes is 5, 10, 15, 20, 30 or 60.")
        if hours * 60 // step > MOST_POINTS:
            told = f"At most {MOST_POINTS} points: ask for fewer hours or a larger step."
            raise Problem(400, "Too many points", told)
        at = self._look.look().live.at
        if at is None:
            raise Problem(404, "Nothing counted", "No article has been counted yet.")
        span, every = timedelta(hours=hours), timedelta(minutes=step)
        baselines = self._look.baselines
        found = series(self._opened(), baselines, [key], at, span=span, step=every)[key]
        count = len(found.negative)
        return models.Series(
            kind=key[0],  # type: ignore[arg-type] # one of the three, or it would not be known
            key=key[1],
            times=[at - n * every for n in range(count - 1, -1, -1)],
            stories=list(found.stories),
            negative=list(found.negative),
            expected=[round(n, 3) for n in found.usual] or None,
            low=[int(n) for n in found.low] or None,
            high=[int(n) for n in found.high] or None,
            usual_share=[round(n, 4) for n in found.share] or None,
        )

    def _articles(self, key: tuple[str, str], cursor: str | None, limit: int) -> models.Articles:
        self._known(key)
        rows, more = listing.article_rows(
            self._opened(),
            key,
            before=None if cursor is None else place_of(cursor),
            limit=limit,
            languages=self._languages,
        )
        items = [models.Article.model_validate(row) for row in rows]
        onwards = None
        if more and rows:
            given = {"kind": key[0], "key": key[1], "cursor": cursor_of(rows[-1].place)}
            onwards = url_of("articles", given | {"limit": limit})
        return models.Articles(items=items, next=onwards)

    def _known(self, key: tuple[str, str]) -> None:
        if not self._look.baselines.knows(key):
            told = "Keys are `all`, the topics and the watched companies: see /api/v1/keys."
            raise Problem(404, "No such key", told)
