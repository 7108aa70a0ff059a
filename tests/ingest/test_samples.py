"""The sample stream reads like a wire, keeps its numbers, and holds exactly its three events."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from ingest.article import REJECT_REASONS, Article, Rejected, parse
from ingest.companies import Watchlist
from ingest.samples import BURSTS, START, Burst, Sample, sample_stream, samples
from ingest.samples.phrases import Phrases, read
from ingest.samples.stream import BREAKS

HOUR = timedelta(hours=1)
END = START + timedelta(days=14)
MOODS = ("negative", "neutral", "positive")


@pytest.fixture(scope="module", params=[7, 1])
def stream(request: pytest.FixtureRequest) -> list[Sample]:
    seed: int = request.param
    return samples(seed=seed)


@pytest.fixture(scope="module")
def watchlist() -> Watchlist:
    return Watchlist.load()


@pytest.fixture
def phrases() -> Phrases:
    return Phrases(random.Random(3))  # noqa: S311 - invented news, not a secret


def article(sample: Sample) -> Article:
    parsed = parse(sample.raw, received_at=sample.arrived_at)
    assert isinstance(parsed, Article), parsed
    return parsed


def event_time(sample: Sample) -> datetime:
    """When it was published; when it came if that is not known."""
    return article(sample).published_at or sample.arrived_at


def stories(stream: list[Sample]) -> list[Sample]:
    return [sample for sample in stream if sample.kind == "story"]


def within(stream: list[Sample], burst: Burst) -> list[Sample]:
    """The burst's own stories; the ordinary news of those hours has a topic and a mood."""
    topic = burst.key if burst.key_kind == "topic" else ""
    return [
        sample
        for sample in stories(stream)
        if sample.topic == topic
        and (topic or burst.key in sample.title)
        and (not topic or sample.sentiment == "negative")
        and burst.start <= event_time(sample) < burst.end
    ]


def ordinary(stream: list[Sample]) -> list[Sample]:
    """The stories that belong to no burst."""
    told = {title for event in read("bursts").values() for title in event["titles"].splitlines()}
    return [sample for sample in stories(stream) if sample.title not in told]


def burst(key: str) -> Burst:
    return next(burst for burst in BURSTS if burst.key == key)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_ones() -> None:
    assert list(sample_stream()) == [sample.raw for sample in samples(seed=7)]
    assert list(sample_stream(seed=8)) != list(sample_stream(seed=7))


def test_a_fortnight_has_about_two_thousand_lines(stream: list[Sample]) -> None:
    assert 1_850 <= len(stream) <= 2_150


def test_lines_come_in_order_of_arrival_and_are_single_lines(stream: list[Sample]) -> None:
    assert all(a.arrived_at <= b.arrived_at for a, b in pairwise(stream))
    assert not any(b"\n" in sample.raw or b"\r" in sample.raw for sample in stream)


def test_every_good_line_is_an_article_of_the_fortnight(stream: list[Sample]) -> None:
    for sample in stream:
        if sample.kind != "bad":
            parsed = article(sample)
            assert parsed.title == sample.title
            assert parsed.undated or START <= event_time(sample) < END
            assert parsed.url
            assert ".example.com/" in parsed.url


def test_every_bad_line_is_refused_with_the_reason_it_was_made_for(stream: list[Sample]) -> None:
    bad = [sample for sample in stream if sample.kind == "bad"]
    assert 0.01 <= len(bad) / len(stream) <= 0.02
    for sample in bad:
        parsed = parse(sample.raw, received_at=sample.arrived_at)
        assert isinstance(parsed, Rejected)
        assert parsed.reason == sample.reason
    assert {sample.reason for sample in bad} == set(REJECT_REASONS) - {"kills_process"}
    assert len(BREAKS) >= 10
    assert len(bad) >= len(BREAKS)


def test_no_title_is_told_twice_by_two_stories(stream: list[Sample]) -> None:
    titles = Counter(sample.title.casefold() for sample in stories(stream))
    assert titles.most_common(1)[0][1] == 1


def test_at_least_nine_in_ten_runs_of_five_words_are_new(stream: list[Sample]) -> None:
    runs = [
        tuple(words[i : i + 5])
        for sample in stories(stream)
        for words in [sample.title.casefold().split()]
        for i in range(len(words) - 4)
    ]
    assert len(set(runs)) / len(runs) >= 0.9


def test_every_topic_has_at_least_25_patterns_of_all_three_moods() -> None:
    patterns = read("patterns")
    assert len(patterns) == 20
    for topic, texts in patterns.items():
        counts = [len(texts[mood].splitlines()) for mood in MOODS]
        assert min(counts) >= 8, topic
        assert sum(counts) >= 25, topic


def test_titles_are_finished_sentences_of_a_headlines_length(stream: list[Sample]) -> None:
    for sample in stories(stream):
        text = f"{sample.title} {article(sample).body}"
        assert not re.search(r"[\[\]{}|=<>]|  | ,|\.\.", text), text
        assert not re.search(r"\b[Aa] (8|11\b|18\b|[aeio])|\b[Aa]n (?!hour)[^aeiou81]", text), text
        assert not re.search(r"\b(\w+) \1\b|[02-9][123]th\b", text), text
        assert sample.title[0].isupper() or sample.title[0].isdigit()
        assert 20 <= len(sample.title) <= 125, sample.title


def test_a_third_of_the_stories_has_a_body_of_two_to_four_sentences(stream: list[Sample]) -> None:
    bodies = [article(sample).body for sample in stories(stream)]
    told = [body for body in bodies if body]
    assert 0.28 <= len(told) / len(bodies) <= 0.39
    assert {len(re.findall(r"\.(?: |$)", body)) for body in told} == {2, 3, 4}


def test_news_has_a_day_a_night_and_a_weekend(stream: list[Sample]) -> None:
    hours = Counter(event_time(sample).hour for sample in ordinary(stream))
    day = sum(hours[hour] for hour in (11, 12, 13, 14, 15))
    night = sum(hours[hour] for hour in (23, 0, 1, 2, 3))
    assert 3 <= day / night <= 5
    days = Counter(event_time(sample).weekday() for sample in ordinary(stream))
    assert 0.35 <= (days[5] + days[6]) / 2 / (sum(days[d] for d in range(5)) / 5) <= 0.6


def test_a_fifth_of_the_ordinary_news_is_bad_news(stream: list[Sample]) -> None:
    moods = Counter(sample.sentiment for sample in ordinary(stream))
    assert 0.18 <= moods["negative"] / moods.total() <= 0.22
    assert min(moods["neutral"], moods["positive"]) / moods.total() >= 0.3


def test_outside_the_bursts_bad_news_never_gathers_on_one_key(
    stream: list[Sample], watchlist: Watchlist
) -> None:
    times: defaultdict[str, list[datetime]] = defaultdict(list)
    for sample in ordinary(stream):
        if sample.sentiment == "negative":
            times[sample.topic].append(event_time(sample))
            for mention in watchlist.find(sample.title, ""):
                times[mention.symbol].append(event_time(sample))
    for key, at in times.items():
        at.sort()
        assert all(c - a > 3 * HOUR for a, c in zip(at, at[2:], strict=False)), key


def test_copies_are_exact_later_and_from_another_source(stream: list[Sample]) -> None:
    first = {sample.title: article(sample) for sample in stories(stream)}
    copies = [sample for sample in stream if sample.kind == "copy"]
    assert 0.06 <= len(copies) / len(stream) <= 0.1
    for sample in copies:
        original, copy = first[sample.title], article(sample)
        assert copy.source != original.source
        assert copy.id != original.id
        assert copy.body == original.body
        assert original.published_at is not None
        assert copy.published_at is not None
        assert timedelta() < copy.published_at - original.published_at < 3 * HOUR


def test_about_one_line_in_a_hundred_is_delivered_again(stream: list[Sample]) -> None:
    seen: set[bytes] = set()
    keys: dict[tuple[str, str], bytes] = {}
    repeats = 0
    for sample in stream:
        if sample.kind == "bad":
            continue
        parsed = article(sample)
        assert keys.setdefault((parsed.source, parsed.id), sample.raw) == sample.raw
        assert (sample.raw in seen) == (sample.kind == "repeat")
        repeats += sample.kind == "repeat"
        seen.add(sample.raw)
    assert 0.004 <= repeats / len(stream) <= 0.016


def test_a_few_articles_are_undated_slow_or_hours_late(stream: list[Sample]) -> None:
    good = [(sample, article(sample)) for sample in stream if sample.kind == "story"]
    undated = Counter(parsed.undated for _, parsed in good)
    assert 3 <= undated["missing"] <= 8
    assert 1 <= undated["future"] <= 3
    delays = [s.arrived_at - a.published_at for s, a in good if a.published_at]
    assert min(delays) > timedelta()
    assert 3 <= sum(delay > HOUR for delay in delays) <= 4
    slow = sum(timedelta(seconds=90) < delay < 10 * timedelta(minutes=1) for delay in delays)
    assert 0.02 <= slow / len(delays) <= 0.045
    assert not any(timedelta(minutes=9) < delay < 2 * HOUR for delay in delays)


def test_six_to_eight_outlets_share_the_news(stream: list[Sample]) -> None:
    sources = Counter(article(sample).source for sample in stories(stream))
    assert 6 <= len(sources) <= 8
    assert max(sources.values()) < 2 * min(sources.values())


@pytest.mark.parametrize(("key", "least"), [("Toyota", 24), ("Energy | Oil", 30), ("Apple", 38)])
def test_a_burst_is_many_stories_from_many_sources_spread_over_its_time(
    stream: list[Sample], key: str, least: int
) -> None:
    event = burst(key)
    told = within(stream, event)
    assert len(told) >= least
    assert len({article(sample).source for sample in told}) >= 4
    at = sorted(event_time(sample) for sample in told)
    assert at[-1] - at[0] > 0.85 * (event.end - event.start)
    assert max(b - a for a, b in pairwise(at)) < 0.1 * (event.end - event.start)
    titles = {sample.title for sample in told}
    assert sum(sample.kind == "copy" and sample.title in titles for sample in stream) >= 4


def test_the_companys_burst_is_bad_news_that_names_it_alone(
    stream: list[Sample], watchlist: Watchlist
) -> None:
    (symbol,) = (mention.symbol for mention in watchlist.find("Toyota slumps", ""))
    for sample in within(stream, burst("Toyota")):
        assert sample.sentiment == "negative"
        assert [mention.symbol for mention in watchlist.find(sample.title, "")] == [symbol]


def test_the_topics_burst_is_bad_news_about_no_company_in_particular(
    stream: list[Sample], watchlist: Watchlist
) -> None:
    named: Counter[str] = Counter()
    for sample in within(stream, burst("Energy | Oil")):
        named.update(mention.symbol for mention in watchlist.find(sample.title, ""))
    assert len(named) >= 4
    assert max(named.values()) <= 2


def test_a_company_makes_no_other_news_around_its_burst(stream: list[Sample]) -> None:
    for event in BURSTS:
        if event.key_kind == "company":
            for sample in ordinary(stream):
                if event.key in sample.title:
                    assert abs(event_time(sample) - event.start) > 6 * HOUR


def test_the_volume_burst_holds_no_bad_news(stream: list[Sample]) -> None:
    assert {sample.sentiment for sample in within(stream, burst("Apple"))} == {None}


def test_the_watch_list_finds_the_companies_the_patterns_mean(
    stream: list[Sample], watchlist: Watchlist
) -> None:
    named = {
        name: watchlist.find(f"{name} holds a meeting", "")
        for sector in read("words")["sectors"].values()
        for name in sector["co"].split(", ")
    }
    assert 40 <= len(named) <= 80
    assert all(len(found) == 1 for found in named.values())
    for sample in stories(stream):
        meant = {found[0].symbol for name, found in named.items() if name in sample.title}
        assert {found.symbol for found in watchlist.find(sample.title, "")} == meant, sample.title


@pytest.mark.parametrize("seed", range(6))
def test_a_shorter_stream_ends_with_its_last_day(seed: int) -> None:
    short = samples(days=2, seed=seed)
    assert 200 <= len(short) <= 400
    good = [article(sample).published_at for sample in short if sample.kind != "bad"]
    assert max(at for at in good if at) < START + timedelta(days=2)


def test_bursts_last_about_two_hours_in_the_second_week_on_a_day_of_their_own() -> None:
    assert [event.kind for event in BURSTS].count("negative") == 2
    assert all(1.5 * HOUR <= event.end - event.start <= 3 * HOUR for event in BURSTS)
    assert all(a.end + 12 * HOUR < b.start for a, b in pairwise(BURSTS))
    assert BURSTS[0].start - START > timedelta(days=7)
    assert all(event.start.weekday() < 5 for event in BURSTS)


def test_numbered_slots_are_different_words(phrases: Phrases) -> None:
    for _ in range(200):
        filled = phrases.fill("{crude}|{crude2}|{crude3}|{crude}", {}, START).casefold().split("|")
        assert filled[0] == filled[3]
        assert len(set(filled)) == 3


def test_every_word_of_a_list_comes_before_any_comes_again(phrases: Phrases) -> None:
    crudes = [phrases.fill("{crude}", {}, START).casefold() for _ in range(8)]
    assert len(set(crudes[:4])) == len(set(crudes[4:])) == 4


@pytest.mark.parametrize(
    ("pattern", "low", "high", "form"),
    [
        ("{2..4}", 2, 4, r"\d"),
        ("{1.5..1.7}", 1.5, 1.7, r"\d\.\d"),
        ("{0.05..0.07}", 0.05, 0.07, r"\d\.\d\d"),
        ("{900..1,100}", 900, 1_100, r"\d00|1,\d00"),
        ("{1998..2001}", 1998, 2001, r"\d{4}"),
    ],
)
def test_figures_reach_both_bounds_and_have_the_digits_of_the_lower_one(
    phrases: Phrases, pattern: str, low: float, high: float, form: str
) -> None:
    texts = {phrases.fill(pattern, {}, START) for _ in range(200)}
    assert all(re.fullmatch(form, text) for text in texts)
    figures = [float(text.replace(",", "")) for text in texts]
    assert (min(figures), max(figures)) == (low, high)


@pytest.mark.parametrize(("hour", "index"), [(6, "asia"), (7, "europe"), (14, "america")])
def test_markets_are_those_that_are_open(phrases: Phrases, hour: int, index: str) -> None:
    names = read("words")["clock"][index]["index"].split(", ")
    assert phrases.fill("{index}", {}, START.replace(hour=hour)) in names


@pytest.mark.parametrize(
    ("pattern", "filled"),
    [
        ("a [orange] and a [pear]", "An orange and a pear"),
        ("a 8% rise, a 80% rise, a 18% rise", "An 8% rise, an 80% rise, an 18% rise"),
        ("a 12% rise, a unit", "A 12% rise, a unit"),
        ("on {today}", "On Monday"),
    ],
)
def test_filled_patterns_are_grammatical(phrases: Phrases, pattern: str, filled: str) -> None:
    assert phrases.fill(pattern, {}, START) == filled
