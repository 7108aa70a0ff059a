"""The JSON API under /api/v1: what the pages show, for programs, with the same rights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from time import monotonic
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from fastapi.responses import Response

from pipeline.pages.reference import reference
from pipeline.store import incidents, labels, looking, retraining, versions
from pipeline.store.database import Database
from pipeline.store.incidents import Incident
from pipeline.store.labels import Counts
from pipeline.store.looking import Wanted
from pipeline.web import api_models as models
from pipeline.web import problems
from pipeline.web.access import Access
from pipeline.web.answers import Problem, answer, page
from pipeline.web.api_description import described
from pipeline.web.api_news import News
from pipeline.web.api_paging import aware, url_of
from pipeline.web.versions_pages import champion_of

MOST_TOGETHER: Final = 1000
"""Incidents that open at one moment: more keys than ever did."""

LABELS_FOR_S: Final = 60.0
"""So long the labels' counts are given again: they are counted from every event."""

LABELS_UNCHANGED_S: Final = 600.0
"""And so long while no event was added: texts may have been taken down."""


class Api:
    """Answers who may read the pages; ``news`` is the part about keys and articles."""

    def __init__(
        self,
        opened: Callable[[], Database],
        access: Access,
        news: News,
    ) -> None:
        self._opened = opened
        self._access = access
        self._news = news
        self._counting = Lock()
        self._counted: tuple[float, int, Counts] | None = None

    def add_to(self, app: FastAPI) -> None:
        """Route it, and answer its failures as problem+json."""
        router = APIRouter(
            prefix="/api/v1",
            dependencies=[Depends(self._may_read)],
            responses=dict.fromkeys((400, 401, 403, 404, 503), problems.DESCRIBED),
        )
        self._news.add_to(router)
        self._add_incidents(router)
        self._add_versions(router)
        app.include_router(router)
        problems.add_to(app)
        app.openapi = described(app.openapi)  # type: ignore[method-assign] # as FastAPI's manual has it

        @app.api_route("/api", methods=["GET", "HEAD"], include_in_schema=False)
        def told(request: Request) -> Response:
            shown = self._access.shown
            return answer(
                request,
                lambda: page(
                    "reference.html", reference=reference(app.openapi()), **shown(request)
                ),
            )

    def _may_read(self, request: Request) -> None:
        self._access.need(request, "viewer")

    def _add_incidents(self, router: APIRouter) -> None:
        @router.get("/incidents", tags=["incidents"])
        def listed(
            state: Literal["open", "resolved"] | None = None,
            severity: Annotated[
                models.Severity | None, Query(description="This one or graver.")
            ] = None,
            kind: models.Kind | None = None,
            key: Annotated[str | None, Query(max_length=64)] = None,
            since: datetime | None = None,
            before: datetime | None = None,
            leading: bool = False,
            limit: Annotated[int, Query(ge=1, le=100)] = 50,
        ) -> models.Incidents:
            """Incidents, the newest first. ``leading``: only those that are no part of another."""
            wanted = Wanted(
                open=None if state is None else state == "open",
                least=severity,
                kind=kind,
                key=key,
                since=aware(since),
                before=aware(before),
                leading=leading,
            )
            given = {"state": state, "severity": severity, "kind": kind, "key": key}
            more = given | {"since": since, "leading": leading or None, "limit": limit}
            return self._incidents(wanted, more, limit)

        @router.get("/incidents/{id}", tags=["incidents"])
        def one(id: Annotated[str, Path(pattern="^[0-9a-f]{8,32}$")]) -> models.IncidentWhole:
            """One incident with its evidence, its messages and what is part of it."""
            return self._incident(id)

    def _add_versions(self, router: APIRouter) -> None:
        @router.get("/labels", tags=["classifier"])
        def counts() -> models.Labels:
            """How many texts are labelled, by annotator, task and value."""
            return models.Labels.model_validate(self._label_counts())

        @router.get("/versions", tags=["classifier"])
        def listed(limit: Annotated[int, Query(ge=1, le=100)] = 50) -> models.Versions:
            """Registered versions of the classifier, and the champion."""
            db = self._opened()
            champion = champion_of(versions.history(db))
            found = versions.listed(db)[:limit]
            items = [models.VersionItem(**_version(one, champion)) for one in found]
            return models.Versions(champion=champion, items=items)

        @router.get("/versions/{id}", tags=["classifier"])
        def version(id: Annotated[str, Path(max_length=128)]) -> models.VersionWhole:
            """One version with its card and report."""
            db = self._opened()
            found = versions.find(db, id)
            if len(found) != 1:
                raise Problem(404, "No such version", "See /api/v1/versions for those there are.")
            champion = champion_of(versions.history(db))
            return models.VersionWhole(**_version(found[0], champion))

        @router.get("/promotions", tags=["classifier"])
        def promotions(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> models.Promotions:
            """When which version became the champion, by whom and why."""
            history = versions.history(self._opened())[-limit:]
            items = [models.Promotion.model_validate(one) for one in reversed(history)]
            return models.Promotions(items=items)

        @router.get("/retraining", tags=["classifier"])
        def trained(limit: Annotated[int, Query(ge=1, le=100)] = 20) -> models.Retrainings:
            """Trainings from labels, with their decisions and reasons."""
            found = retraining.history(self._opened(), limit=limit)
            items = [models.Retraining.model_validate(one) for one in found]
            return models.Retrainings(items=items)

    def _incidents(
        self, wanted: Wanted, given: Mapping[str, object], limit: int
    ) -> models.Incidents:
        # Those that opened together stay together: the next page begins before all of them.
        found = looking.wanted(self._opened(), wanted, limit=limit + MOST_TOGETHER)
        shown = found[:limit]
        shown += [one for one in found[limit:] if one.opened_at == shown[-1].opened_at]
        more = None
        if len(found) > len(shown):
            more = url_of("incidents", {**given, "before": shown[-1].opened_at})
        items = [models.IncidentItem.model_validate(one) for one in shown]
        return models.Incidents(items=items, next=more)

    def _incident(self, id: str) -> models.IncidentWhole:
        db = self._opened()
        found = incidents.find(db, id)
        if len(found) != 1:
            raise Problem(404, "No such incident", "See /api/v1/incidents for those there are.")
        (one,) = found
        return models.IncidentWhole(
            **_fields(one),
            evidence=one.evidence,
            children=[child.id for child in looking.children(db, [one.id])],
            messages=[
                models.MessageItem.model_validate(told) for told in looking.told(db, one.id)
            ],
        )

    def _label_counts(self) -> Counts:
        with self._counting:
            db, now = self._opened(), monotonic()
            newest = labels.newest_seq(db)
            if self._counted is not None:
                at, seq, counts = self._counted
                if now - at < (LABELS_FOR_S if newest != seq else LABELS_UNCHANGED_S):
                    return counts
            counts = labels.counts(db)
            self._counted = (now, newest, counts)
            return counts


def _fields(one: Incident) -> dict[str, Any]:
    return models.IncidentItem.model_validate(one).model_dump()


def _version(one: versions.Registered, champion: str) -> dict[str, Any]:
    """The fields of a version's models; where its folder lies is nobody's business."""
    names = ("id", "made_at", "made_by", "parent", "card", "report")
    values = {name: getattr(one, name) for name in names}
    return values | {"champion": one.id == champion}
