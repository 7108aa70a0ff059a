"""Puts the live page, the versions' pages and the JSON API together."""

from __future__ import annotations

from contextlib import ExitStack

from ingest import watchlists
from models import taxonomy
from pipeline.baselines import Baselines
from pipeline.count import Keys
from pipeline.process import now
from pipeline.registry.registry import open_registry
from pipeline.settings import Settings
from pipeline.web.access import Access
from pipeline.web.answers import Opened
from pipeline.web.api import Api
from pipeline.web.api_news import News
from pipeline.web.app import Routed
from pipeline.web.live import LivePage, Looking
from pipeline.web.versions_pages import VersionPages


def overview(settings: Settings, opened: Opened, access: Access, stack: ExitStack) -> list[Routed]:
    """All that shows how things are, until ``stack`` ends."""
    companies = watchlists.read(settings.companies.watchlist)
    names = {company.symbol: company.name for company in companies}
    topics = frozenset(label.name for label in taxonomy.load(settings.model.topics).topics)
    baselines = Baselines(Keys(topics, frozenset(names)).tested(), settings.spikes)
    looking = Looking(opened, baselines, settings, names, now)
    stack.callback(looking.close)
    return [
        LivePage(looking, access, settings.web.refresh_seconds),
        VersionPages(opened, access, lambda db: open_registry(settings, db), now),
        Api(opened, access, News(opened, looking, names, settings.counting.languages)),
    ]
