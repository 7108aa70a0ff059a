"""Lists as PostgreSQL reads them: what comes back is what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Text, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DataError

from pipeline.store.database import Database, connect
from tests.integration import postgres

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.fixture(scope="module")
def server(postgresql: postgres.Postgres | postgres.Running) -> Iterator[Database]:
    db = connect(postgresql.url)
    yield db
    db.close()


def told(db: Database, values: list[Any], kind: BigInteger | Text) -> list[Any]:
    with db.read() as connection:
        sent = bindparam(None, values, type_=ARRAY(kind), unique=True)
        return list(connection.execute(select(sent)).scalar_one())


@settings(max_examples=60, deadline=None)
@given(values=st.lists(TEXTS | st.none(), max_size=6))
@example(values=["", "NULL", '"', "\\", "a,b", "{}", " ", "\n", "\u2028"])
def test_texts_come_back_whatever_they_are_made_of(values: list[str], server: Database) -> None:
    assert told(server, values, Text()) == values


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), max_size=6))
def test_numbers_come_back(values: list[int], server: Database) -> None:
    assert told(server, values, BigInteger()) == values


def test_text_with_a_nul_is_refused_and_not_taken_for_two(server: Database) -> None:
    with pytest.raises(DataError, match="NUL"):
        told(server, ["a", "b\0c"], Text())
