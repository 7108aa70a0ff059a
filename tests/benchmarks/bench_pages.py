"""How long pages take with a million articles in PostgreSQL, asked over HTTP one after the other.

``python -m tests.benchmarks.bench_pages [--articles N] [--asked N] [--database URL]``. Without a
URL it fills a PostgreSQL of its own; an empty database under the URL is filled, a filled one kept.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from time import perf_counter, sleep

import httpx
import psycopg

from ingest.companies import Watchlist
from models import taxonomy
from pipeline.store.database import open_database
from tests.integration.postgres import own_server
from tests.web.served import serving, settings

SECONDS_APART = 5
"""Of event time, between one article and the next: a million in 58 days."""

PATHS = (
    "/healthz",  # what asking costs at all
    "/",
    "/incidents",
    "/incidents?state=open",
    "/versions",
    "/api/v1/status",
    "/api/v1/keys",
    "/api/v1/incidents",
    "/api/v1/series?kind=topic&key=Macro",
    "/api/v1/buckets?kind=all&key=all",
    "/api/v1/articles?kind=topic&key=Macro",
    "/api/v1/articles?kind=company&key=AAPL",
    "/api/v1/labels",
    "/api/v1/versions",
)

ARTICLES = """
INSERT INTO article (source, id, revision, deleted, text_hash, url, symbols, extra, published_at,
  received_at, late, language, topic, topic_probability, sentiment, p_negative, p_neutral,
  p_positive, polarity, version, story_source, story_id, record_topic, record_partition,
  record_offset)
SELECT source, id, 0, false, hash, 'https://wire.example/' || id, '[]', '{}', at, at + 2000,
  false, 'en',
  (%(topics)s::text[])[1 + floor(cardinality(%(topics)s::text[]) * power(random(), 1.5))::int],
  0.8, (ARRAY['negative', 'neutral', 'neutral', 'positive', 'neutral'])[1 + n %% 5], 0.2, 0.6, 0.2,
  0, 'v1+t1', source, id, 'news.raw', 0, n
FROM (SELECT n, 'wire' || n %% 8 AS source, n::text AS id, md5(n::text) AS hash,
  %(first)s + n::bigint * %(apart)s AS at FROM generate_series(0, %(count)s - 1) AS n) AS made
"""
TEXTS = """
INSERT INTO text (hash, title, body, first_seen)
SELECT text_hash, 'Company ' || id || ' reports results for the quarter above forecasts',
  repeat('Invented text of a usual length. ', 12), published_at FROM article
"""
MENTIONS = """
INSERT INTO mention (source, id, symbol, relevance, basis, sentiment, p_negative, p_neutral,
  p_positive, polarity)
SELECT source, id, (%(symbols)s::text[])[1 + floor(cardinality(%(symbols)s::text[])
  * power(random(), 3))::int], 1, 'article', sentiment, 0.2, 0.6, 0.2, 0 FROM article
WHERE record_offset %% 2 = 0
"""
BUCKETS = """
INSERT INTO bucket (kind, key, start, articles, stories, negative, neutral, positive, polarity)
SELECT kind, key, at / 300000 * 300000, count(*), count(*), count(*) FILTER (WHERE s = 'negative'),
  count(*) FILTER (WHERE s = 'neutral'), count(*) FILTER (WHERE s = 'positive'), 0
FROM (SELECT 'all' AS kind, 'all' AS key, published_at AS at, sentiment AS s FROM article
  UNION ALL SELECT 'topic', topic, published_at, sentiment FROM article
  UNION ALL SELECT 'source', source, published_at, sentiment FROM article
  UNION ALL SELECT 'company', symbol, published_at, m.sentiment FROM mention AS m
    JOIN article USING (source, id)) AS marks
GROUP BY 1, 2, 3 ORDER BY 3
"""
HOURS = """
INSERT INTO baseline_hour (kind, key, hour, negative, stories, negative_last15, stories_last15)
SELECT kind, key, start / 3600000 * 3600000, sum(negative), sum(stories), sum(negative) / 4,
  sum(stories) / 4 FROM bucket WHERE kind <> 'source' AND start < %(cursor)s - 7 * 3600000
GROUP BY 1, 2, 3 ORDER BY 3
"""
LABELS = """
INSERT INTO label (key, at, annotator, text_hash, task, value, origin)
SELECT n::text || task, %(first)s, 'ann' || n %% 3, md5(n::text), task, value, 'page'
FROM generate_series(0, %(labels)s / 2 - 1) AS n,
  (VALUES ('topic', 'Macro'), ('sentiment', 'negative')) AS said (task, value)
"""
LABELLED = """
INSERT INTO labelled_text (hash, title, body, source, id, story, first_at, held_out)
SELECT md5(n::text), 'Company ' || n, 'Invented text', 'wire' || n %% 8, n::text, md5(n::text),
  %(first)s, n %% 5 = 0 FROM generate_series(0, %(labels)s / 2 - 1) AS n
"""


def fill(url: str, articles: int, labels: int) -> None:
    """A database as news of weeks would have left it, ending now."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    cursor = int(now.timestamp()) // 300 * 300_000
    given = {
        "topics": [label.name for label in taxonomy.load().topics],
        "symbols": sorted(Watchlist.load().symbols),
        "first": cursor - articles * SECONDS_APART * 1000,
        "apart": SECONDS_APART * 1000,
        "count": articles,
        "cursor": cursor,
        "labels": labels,
        "until": cursor + 3_600_000_000,
    }
    with psycopg.connect(url, connect_timeout=10) as connection:
        if connection.execute("SELECT 1 FROM article LIMIT 1").fetchone():
            return
        for statement in (ARTICLES, TEXTS, MENTIONS, BUCKETS, HOURS, LABELS, LABELLED):
            connection.execute(statement, given)
        connection.execute(
            "INSERT INTO monitor (name, holder, epoch, lease_until, watermark, cursor)"
            " VALUES ('monitor', 'bench', 1, %(until)s, %(cursor)s, %(cursor)s)",
            given,
        )
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        connection.execute("VACUUM ANALYZE")


def ask(http: httpx.Client, path: str, times: int, *, rest_s: float) -> str:
    """Median, 95th percentile and most, in milliseconds."""
    taken = []
    for _ in range(times):
        sleep(rest_s)
        begun = perf_counter()
        answer = http.get(path)
        taken.append(1000 * (perf_counter() - begun))
        if answer.status_code != 200:
            return f"{answer.status_code}"
    cuts = statistics.quantiles(taken, n=20)
    size = len(answer.content)
    return f"p50 {cuts[9]:6.1f}  p95 {cuts[18]:6.1f}  most {max(taken):6.1f} ms  {size:,} bytes"


def main() -> None:
    """Fill, ask and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--asked", type=int, default=100)
    parser.add_argument("--database", metavar="URL")
    options = parser.parse_args()
    with ExitStack() as stack:
        url = options.database or stack.enter_context(own_server()).fresh()
        open_database(url).close()
        begun = perf_counter()
        fill(url, options.articles, options.labels)
        sys.stdout.write(f"filled in {perf_counter() - begun:.0f} s\n")
        http = stack.enter_context(serving(settings(url))).http
        begun = perf_counter()
        while "usual" not in http.get("/").text:
            sleep(0.1)
        sys.stdout.write(f"baselines known after {perf_counter() - begun:.1f} s\n")
        for path in PATHS:
            # The live page is looked at once a second: with a rest every answer is a new look.
            rest_s = timedelta(seconds=1.1).total_seconds() if path in ("/",) else 0.0
            told = ask(http, path, options.asked, rest_s=rest_s)
            sys.stdout.write(f"{path:45} {told}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
