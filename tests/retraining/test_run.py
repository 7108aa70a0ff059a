"""A retraining as a whole, with a tiny encoder: what becomes of labels, and what is kept of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Event

import pytest
from sqlalchemy import select

from models.card import read_card
from pipeline.retraining.parts import Parts
from pipeline.retraining.run import Ended, retrain
from pipeline.store import retraining as store
from pipeline.store import versions
from pipeline.store.tables import article, event, mention, text
from tests.retraining.made import NEW, SUBJECTS, World, label, texts

SAME = ("epochs=1", "kept=1.0", "inner_share=0.3", "max_tokens=24")
"""A recipe that makes the champion again."""

OLD = [name for name in SUBJECTS if name != NEW]


def run(parts: Parts, least: int = 20) -> Ended:
    return retrain(parts, "hand", stop=Event(), heard=lambda _: None, least=least)


def test_labels_of_a_new_topic_make_a_champion_that_knows_it(
    world: World, make: Callable[..., Parts]
) -> None:
    parts = make()
    number = label(parts.db, texts([NEW], 150, 3) + texts(OLD, 60, 4))
    ended = run(parts)
    assert ended.outcome == "promoted", ended.decision["reasons"]
    champion = versions.champion(parts.db)
    assert champion is not None
    assert champion.version == ended.candidate
    assert champion.reason.startswith("better: ")
    folder = parts.registry.champion_folder()
    assert folder is not None
    assert NEW in world.loads(folder).topics
    assert NEW not in read_card(world.champion).topics
    (learned,) = [one for one in ended.decision["numbers"] if one["name"] == f"F1 of {NEW}"]
    assert learned["gain"] >= 0.2
    assert ended.decision["added"] == [NEW]
    assert ended.decision["base"]["topic"]["rows"] == 200
    assert ended.decision["rows"]["new_labels"] == number
    # What is stored is what was told, and a report of the version.
    (stored,) = store.history(parts.db, limit=5)
    assert stored.state == "promoted"
    assert stored.decision == ended.decision
    assert stored.champion == world.card.id
    (registered,) = versions.find(parts.db, str(ended.candidate))
    assert registered.report == ended.decision
    assert registered.parent == world.card.id
    # Texts lie about nowhere, and there is nothing left to learn.
    assert list(parts.settings.retraining.folder.iterdir()) == []
    assert run(parts).outcome == "nothing"
    assert store.learned_to(parts.db) == stored.labels_to == number


def test_noisy_labels_are_refused_with_the_reason(
    world: World, make: Callable[..., Parts]
) -> None:
    parts = make()
    label(parts.db, texts(list(SUBJECTS), 300, 3), noise=0.6)
    ended = run(parts)
    assert ended.outcome == "refused"
    assert ended.decision["refusal"] == "noisy_labels"
    assert "contradicted both by the champion and by a model" in ended.decision["reasons"][0]
    found = versions.champion(parts.db)
    assert found is not None
    assert found.version == world.card.id
    assert store.learned_to(parts.db) > 0  # the same labels are not tried again and again


def test_a_candidate_without_a_gain_is_kept_but_not_promoted(
    world: World, make: Callable[..., Parts]
) -> None:
    parts = make(recipe=SAME)
    label(parts.db, texts(OLD, 60, 4))
    ended = run(parts)
    assert ended.outcome == "refused"
    assert ended.decision["refusal"] == "no_gain"
    assert any(reason.startswith("no gain beyond noise") for reason in ended.decision["reasons"])
    (kept,) = versions.find(parts.db, str(ended.candidate))
    assert kept.report == ended.decision
    found = versions.champion(parts.db)
    assert found is not None
    assert found.version == world.card.id


@pytest.mark.parametrize(("labels", "outcome"), [(9, "nothing"), (10, "refused")])
def test_few_new_labels_are_not_trained_on(
    make: Callable[..., Parts], labels: int, outcome: str
) -> None:
    parts = make(recipe=SAME)
    label(parts.db, texts(OLD, labels, 4))  # two events each
    ended = run(parts, least=20)
    assert ended.outcome == outcome
    if outcome == "nothing":
        assert ended.decision["reasons"][0].startswith("18 new labels; 20 are needed")
        assert store.learned_to(parts.db) == 0


def test_a_promotion_says_how_recent_news_will_look(make: Callable[..., Parts]) -> None:
    parts = make()
    rows = texts([NEW], 150, 3) + texts(OLD, 60, 4)
    label(parts.db, rows)
    stored_articles(parts, [row["text"] for row in rows[:100]])
    assert run(parts).outcome == "promoted"
    with parts.db.read() as connection:
        values = connection.execute(
            select(event.c.value).where(event.c.kind == "version").order_by(event.c.seq)
        ).scalars()
        offsets = json.loads(list(values)[-1])["offsets"]
    assert offsets["all:all"]["articles"] == 100
    assert offsets[f"topic:{NEW}"]["count"] > 0.1  # some of its articles were filed elsewhere
    assert "company:ACME" in offsets


def test_a_champion_that_changes_meanwhile_is_not_overwritten(
    world: World, make: Callable[..., Parts]
) -> None:
    parts = make()
    label(parts.db, texts([NEW], 150, 3))

    def rolled_back(told: object) -> None:
        found = versions.champion(parts.db)
        if found is not None and found.version == world.card.id:
            parts.registry.rollback(actor="ann", reason="a mistake", now=parts.clock())  # type: ignore[attr-defined]

    with pytest.raises(Exception, match="became the champion while"):
        retrain(parts, "hand", stop=Event(), heard=rolled_back, least=20)
    (stored,) = store.history(parts.db, limit=1)
    assert stored.state == "failed"
    assert stored.decision is not None
    assert "became the champion" in stored.decision["reasons"][0]
    assert store.learned_to(parts.db) == 0


def stored_articles(parts: Parts, titles: list[str]) -> None:
    """Every second one mentions a company."""
    now = parts.clock()
    record = {"record_topic": "t", "record_partition": 0, "symbols": "[]", "extra": "{}"}
    with parts.db.write() as connection:
        for number, title in enumerate(titles):
            name = {"source": "wire", "id": str(number)}
            kept = {"hash": f"t{number}", "title": title, "body": "", "first_seen": now}
            connection.execute(text.insert().values(kept))
            row = {"revision": 0, "deleted": False, "late": False, "record_offset": number}
            times = {"published_at": now, "received_at": now, "text_hash": f"t{number}"}
            connection.execute(article.insert().values(name | record | row | times))
            if number % 2:
                said = {"symbol": "ACME", "relevance": 1.0, "basis": "article"}
                connection.execute(mention.insert().values(name | said))
