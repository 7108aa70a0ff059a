"""`POST /articles`: authenticated, bounded, and answered with 200 only once it is durable."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from time import monotonic

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse

from ingest.files import IngestError
from pipeline.metrics import Metrics
from pipeline.store.database import StoreError
from pipeline.web.body import Body
from pipeline.web.limits import TokenBucket
from pipeline.web.outcomes import STATUS, Problem, PushOutcome, Refusal
from pipeline.web.publisher import Publisher
from pipeline.web.records import MEDIA, Incoming, MediaKind, take
from pipeline.web.settings import WebSettings
from pipeline.web.tokens import Grant, Tokens

AGAIN_S = 5
"""When to try again what could not be stored: brokers and databases take about so long."""

log = structlog.get_logger()


@dataclass(slots=True)
class Push:
    """Answers pushes; for the event loop's thread. ``clock`` stamps records as received."""

    settings: WebSettings
    tokens: Tokens
    publisher: Publisher
    metrics: Metrics
    clock: Callable[[], datetime]
    _buckets: dict[str, TokenBucket] = field(default_factory=dict)
    _in_hand: int = 0

    async def answer(self, request: Request) -> JSONResponse:
        """One push from its head to its answer."""
        body = Body(request)
        try:
            stored = await self._store(request, body)
        except Refusal as refusal:
            await body.drain()
            self.metrics.push(refusal.outcome)
            return _refused(refusal, close=not body.ended)
        except Exception:
            log.exception("a push could not be answered")
            self.metrics.push("broken")
            told = Refusal("broken", "internal error; see the log")
            return _refused(told, close=not body.ended)
        self.metrics.push("stored", len(stored))
        names = [{"source": record.source, "id": record.id} for record in stored]
        return JSONResponse({"stored": len(stored), "articles": names})

    async def _store(self, request: Request, body: Body) -> Sequence[Incoming]:
        """What was stored; a request is refused by the cheapest reason there is."""
        grant = self._authorized(request)
        kind = _media(request)
        self._not_too_often(grant)
        if self._in_hand >= self.settings.concurrent_requests:
            raise Refusal("busy", "too many requests in hand; send it again", retry_after_s=1)
        self._in_hand += 1
        try:
            limits = self.settings
            found = await body.read(limits.max_body_bytes, limits.body_within_seconds)
            # Megabytes of JSON take a while, and other requests are waiting.
            records = await asyncio.to_thread(
                take,
                found,
                kind,
                grant.sources,
                most=limits.max_records,
                received_at=self.clock(),
            )
            await self._durable(records)
        finally:
            self._in_hand -= 1
        return records

    def _authorized(self, request: Request) -> Grant:
        grant = self.tokens.grant(request.headers.get("authorization"))
        if grant is None:
            raise Refusal("unauthorized", "send a known token: Authorization: Bearer TOKEN")
        return grant

    def _not_too_often(self, grant: Grant) -> None:
        if grant.name not in self._buckets:
            self._buckets[grant.name] = TokenBucket(
                self.settings.requests_per_second, self.settings.burst, monotonic
            )
        wait_s = self._buckets[grant.name].take()
        if wait_s:
            told = f"over {self.settings.requests_per_second:g} requests per second"
            raise Refusal("rate_limited", told, retry_after_s=max(1, math.ceil(wait_s)))

    async def _durable(self, records: Sequence[Incoming]) -> None:
        """Return once all of ``records`` are durable."""
        answer = self.publisher.submit(records)
        try:
            async with asyncio.timeout(self.settings.answer_within_seconds):
                refused = await asyncio.wrap_future(answer)
        except (TimeoutError, StoreError, IngestError) as error:
            log.warning("pushed records not stored", records=len(records), reason=str(error))
            told = "not known to be stored; send the same again, it will be there once"
            raise Refusal("unavailable", told, retry_after_s=AGAIN_S) from error
        if refused:
            problems = tuple(
                Problem(place, "too_large", f"Kafka takes no such record: {why}")
                for place, why in sorted(refused.items())
            )
            told = f"{len(problems)} of {len(records)} records refused; the others are stored"
            raise Refusal("too_large", told, problems=problems)


def _media(request: Request) -> MediaKind:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Refusal("unsupported", "a compressed body is not taken; send it as it is")
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in MEDIA:
        raise Refusal("unsupported", f"send Content-Type: {' or '.join(MEDIA)}")
    return MEDIA[media]


def _refused(refusal: Refusal, *, close: bool) -> JSONResponse:
    outcome: PushOutcome = refusal.outcome
    headers = {"Connection": "close"} if close or outcome == "slow" else {}
    if outcome == "unauthorized":
        headers["WWW-Authenticate"] = "Bearer"
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    content = {
        "outcome": outcome,
        "error": refusal.told,
        "records": [asdict(problem) for problem in refusal.problems],
    }
    return JSONResponse(content, STATUS[outcome], headers)
