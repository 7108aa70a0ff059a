"""The broker that the tests share, and one that they may kill."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from docker.kafka.broker import Broker
from tests.integration import kafka


@pytest.fixture(scope="session")
def broker_address() -> Iterator[str]:
    """A broker for all tests; each takes topics and a group of its own."""
    with kafka.address() as found:
        yield found


@pytest.fixture(scope="session")
def _mortal() -> Iterator[Broker]:
    with kafka.own_broker() as found:
        yield found


@pytest.fixture
def mortal_broker(_mortal: Broker) -> Broker:
    """A broker that tests stop, damage and start again; it runs, whatever the last one left."""
    if _mortal.process is None:
        _mortal.start()
    return _mortal
