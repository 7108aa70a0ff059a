"""How long the labelling and incident pages take to answer, with many articles and labels.

``python -m tests.benchmarks.bench_labelling [--articles N] [--labels N] [--turns N]``. It fills a
PostgreSQL of its own, or the empty database under ``--database URL``. Labels lie on the newest
articles, a third of them the annotator's own; every answer is asked for over HTTP, one after
the other, logged in by a cookie.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from time import perf_counter
from typing import Final

import httpx
import psycopg

from models import taxonomy
from pipeline.store.database import open_database
from tests.integration.postgres import own_server
from tests.pages.made import incident, store
from tests.web import people
from tests.web.people import Visitor, visitor
from tests.web.served import serving, settings
from tests.web.test_labelling import fields

INCIDENTS: Final = 300
APART_MS: Final = 2_500
"""Of event time between two articles: a million in 29 days, all within what is asked about."""

ARTICLES: Final = """
INSERT INTO article (source, id, revision, deleted, text_hash, url, symbols, extra, published_at,
  received_at, late, language, topic, topic_probability, sentiment, p_negative, p_neutral,
  p_positive, polarity, version, story_source, story_id, record_topic, record_partition,
  record_offset)
SELECT source, id, 0, false, hash, 'https://wire.example/' || id, '[]', '{}', at, at, false, 'en',
  (%(topics)s::text[])[1 + floor(cardinality(%(topics)s::text[]) * random())::int],
  0.3 + 0.7 * random(), 'neutral', 0.2, 0.6, 0.2, 0, 'v1+t1', source, id, 'news.raw', 0, n
FROM (SELECT n, 'wire' || n %% 8 AS source, n::text AS id,
  encode(sha256(n::text::bytea), 'hex') AS hash, %(first)s + n::bigint * %(apart)s AS at
  FROM generate_series(0, %(count)s - 1) AS n) AS made
"""
TEXTS: Final = """
INSERT INTO text (hash, title, body, first_seen)
SELECT text_hash, 'Company ' || id || ' has news of kind ' || md5(id) || ' to tell',
  repeat('Invented text of a usual length. ', 12), published_at FROM article
"""
PINNED: Final = """
INSERT INTO labelled_text (hash, title, body, source, id, story, first_at, held_out)
SELECT hash, title, body, source, id, left(hash, 32), published_at, record_offset %% 5 = 0
FROM text JOIN article ON text_hash = hash WHERE record_offset >= %(count)s - %(labels)s / 2
"""
LABELS: Final = """
INSERT INTO label (key, at, annotator, text_hash, task, value, origin, suggestion, probability)
SELECT encode(sha256((text_hash || task)::bytea), 'hex'), published_at,
  (ARRAY['ann', 'bob', 'eve'])[1 + record_offset %% 3], text_hash, task,
  CASE task WHEN 'topic' THEN topic ELSE sentiment END, 'page', topic, 0.5
FROM article, (VALUES ('topic'), ('sentiment')) AS tasks (task)
WHERE record_offset >= %(count)s - %(labels)s / 2
"""


def fill(url: str, articles: int, labels: int) -> None:
    """Articles up to now, labels on the newest."""
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    given = {
        "topics": [label.name for label in taxonomy.load().topics],
        "first": now_ms - articles * APART_MS,
        "apart": APART_MS,
        "count": articles,
        "labels": labels,
    }
    with psycopg.connect(url, connect_timeout=10) as connection:
        for statement in (ARTICLES, TEXTS, PINNED, LABELS):
            connection.execute(statement, given)
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        connection.execute("VACUUM ANALYZE")


class Timed:
    """Asks, and notes how long each answer took under a name of its own."""

    def __init__(self, who: Visitor) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self._http = who.http

    def get(self, name: str, path: str) -> httpx.Response:
        """A page."""
        return self._ask(name, self._http.build_request("GET", path), 200)

    def post(self, name: str, path: str, fields: Mapping[str, str]) -> httpx.Response:
        """A form."""
        return self._ask(name, self._http.build_request("POST", path, data=fields), 303)

    def _ask(self, name: str, request: httpx.Request, status: int) -> httpx.Response:
        begun = perf_counter()
        answer = self._http.send(request)
        self.times[name].append(1000 * (perf_counter() - begun))
        assert answer.status_code == status, answer.text
        return answer


def work(timed: Timed, turns: int) -> None:
    """Label, look at the next article; now and then skip, undo and look at an incident."""
    page = timed.get("first /label", "/label")
    found = timed.get("/incidents", "/incidents").text
    incidents = re.findall(r'(/incidents/[0-9a-f]{32})"', found)
    for turn in range(turns):
        asked = fields(page.text)
        given = asked | {"sentiment": "negative", "topic": "Macro"}
        answer = timed.post("POST /label", "/label", given)
        page = timed.get("/label after it", answer.headers["Location"])
        if turn % 4 == 0:
            back = {"csrf": asked["csrf"]}
            timed.post("POST /label/undo", "/label/undo", back)
            timed.post("POST /label/skip", "/label/skip", asked)
            page = timed.get("/label", "/label")
            path = incidents[turn % len(incidents)]
            timed.get("/incidents", "/incidents")
            timed.get("/incidents/ID", path)
            said = back | {"verdict": "useful", "note": str(turn)}
            timed.post("POST /incidents/ID/feedback", f"{path}/feedback", said)


def main() -> None:
    """Fill, work and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--database", metavar="URL")
    options = parser.parse_args()
    with ExitStack() as stack:
        url = options.database or stack.enter_context(own_server()).fresh()
        db = open_database(url)
        stack.callback(db.close)
        begun = perf_counter()
        fill(url, options.articles, options.labels)
        store(db, *(incident(number) for number in range(INCIDENTS)))
        sys.stdout.write(f"filled in {perf_counter() - begun:.0f} s\n")
        sender = stack.enter_context(serving(settings(url, users=people.users())))
        who = stack.enter_context(visitor(sender.url, "ann"))
        timed = Timed(who)
        work(timed, options.turns)
    for name, taken in timed.times.items():
        cuts = statistics.quantiles(taken, n=20) if len(taken) > 1 else [taken[0]] * 19
        sys.stdout.write(
            f"{name:30} {len(taken):4}  p50 {cuts[9]:6.1f}  p95 {cuts[18]:6.1f}  "
            f"most {max(taken):6.1f} ms\n"
        )


if __name__ == "__main__":
    main()
