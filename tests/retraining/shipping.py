"""Made-up headlines of a topic that the version which ships does not know: sea freight.

Drawn from phrases of our own; names of lines and ships are invented. For the measured
run of the command line: ``python -m tests.retraining.shipping DATABASE_URL TOPICS.yaml [NOISE]``
puts 300 labelled headlines into a database and writes a list of topics that has this one too.
"""

from __future__ import annotations

import random
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from models import taxonomy
from models.taxonomy import Label
from pipeline.store.database import open_database
from tests.retraining.made import as_yaml, label

NAME: Final = "Shipping | Freight"
DESCRIPTION: Final = (
    "Container lines, tankers, bulk carriers, ports, canals, freight rates and the transport of "
    "goods by sea."
)

SLOTS: Final = {
    "line": (
        "Norvik Line",
        "Halden Maritime",
        "Pacific Crest Shipping",
        "Marisol Carriers",
        "Blue Strait Lines",
        "Kestrel Tankers",
        "Adriana Bulk",
        "Sundhavn Reederei",
        "Orient Tern",
        "Cape Lantern",
    ),
    "route": (
        "Shanghai to Rotterdam",
        "Asia to the US west coast",
        "the transatlantic trade",
        "Santos to Qingdao",
        "Singapore to Hamburg",
        "the Gulf to Japan",
        "Mumbai to Felixstowe",
        "the Black Sea to Egypt",
    ),
    "port": (
        "Rotterdam",
        "Los Angeles",
        "Antwerp",
        "Durban",
        "Ningbo",
        "Piraeus",
        "Santos",
        "Felixstowe",
        "Savannah",
        "Busan",
        "Gdansk",
    ),
    "ship": (
        "container ships",
        "bulk carriers",
        "crude tankers",
        "car carriers",
        "feeder vessels",
        "capesize vessels",
        "product tankers",
        "gas carriers",
    ),
    "canal": ("the Panama Canal", "the Suez Canal", "the Bosporus", "the Kiel Canal"),
    "number": ("two", "four", "six", "eight", "ten", "twelve", "fifteen"),
    "percent": ("3%", "5%", "8%", "11%", "14%", "19%", "23%", "31%"),
    "week": ("this week", "in a week", "since Monday", "in May", "in the quarter", "on the year"),
}

PHRASES: Final = {
    "negative": (
        "Freight rates from {route} drop {percent} {week} as too many {ship} chase cargo",
        "Strike at the port of {port} leaves {number} {ship} waiting at anchor",
        "{line} idles {number} {ship} because sailings run half empty",
        "Low water in {canal} holds up {number} {ship}",
        "Spot charter of {ship} falls {percent} {week}, brokers say",
        "Storm closes the port of {port}, {ship} diverted",
        "{line} loses containers overboard in heavy seas off {port}",
        "Queue of {ship} off {port} grows to its longest of the season",
        "Insurers raise war risk premium for {ship} on {route}",
        "{line} scraps {number} {ship} early as charter demand dries up",
        "Crane collapse halts box handling at {port}",
        "Ship owners warn of empty holds on {route}",
    ),
    "neutral": (
        "{line} calls at {port} once a week under its new timetable",
        "Harbour master of {port} publishes the berth plan for {ship}",
        "{line} renames {number} {ship} and moves their flag",
        "Draught limits for {canal} stay as they are",
        "{line} swaps slots with a partner on {route}",
        "Charter of {ship} on {route} little changed {week}",
        "{number} {ship} enter dry dock for their regular survey",
        "Pilots and tug operators meet at {port} over shift hours",
        "How a box travels by sea from {route}",
        "{line} to send {number} {ship} through {canal} in convoy",
    ),
    "positive": (
        "Box rates from {route} climb {percent} {week} on full sailings",
        "Port of {port} clears its backlog, {ship} berth without waiting",
        "{line} fills every slot on {route} ahead of the holidays",
        "Dry bulk index up {percent} {week} as grain and ore cargoes for {ship} return",
        "{canal} lifts its draught limit, more {ship} pass each day",
        "{line} wins a five-year charter for {number} {ship}",
        "Container throughput at {port} rises {percent} {week} to a record",
        "Dockers at {port} accept the wage offer and return to the quays",
        "Charterers pay up for {ship} as fleets on {route} are booked out",
        "{line} cuts its bunker bill by {percent} with slower {ship}",
    ),
}


def headlines(number: int, seed: int = 1) -> list[tuple[str, str]]:
    """``number`` different (text, sentiment), the three sentiments in turn."""
    draw = random.Random(seed)  # noqa: S311 - made-up news
    found: dict[str, str] = {}
    while len(found) < number:
        sentiment = ("negative", "neutral", "positive")[len(found) % 3]
        phrase = draw.choice(PHRASES[sentiment])
        text = re.sub(r"\{(\w+)\}", lambda slot: draw.choice(SLOTS[slot[1]]), phrase)
        found.setdefault(text[0].upper() + text[1:], sentiment)
    return list(found.items())


def put(url: str, topics: Path, noise: float) -> None:
    """Labels into a database, of the topic and the sentiment, wrong with the chance ``noise``."""
    shipped = taxonomy.load()
    labels = replace(shipped, topics=(*shipped.topics, Label(NAME, DESCRIPTION)))
    topics.write_text(as_yaml(labels))
    rows = [
        {"text": text, "topic": NAME, "sentiment": sentiment} for text, sentiment in headlines(300)
    ]
    names = [one.name for one in labels.topics]
    db = open_database(url)
    number = label(db, rows, noise=noise, at=datetime.now(UTC), topics=names)
    db.close()
    sys.stdout.write(f"{number} labels of {len(rows)} headlines\n")


if __name__ == "__main__":
    put(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.0)
