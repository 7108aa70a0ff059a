"""Many rows in one statement, in the way each database is quickest at.

PostgreSQL is given one array per column. Thousands of placeholders in one statement, or a
statement per row, cost several times as much there, most of it in the client.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    CursorResult,
    String,
    Table,
    Text,
    Update,
    and_,
    bindparam,
    column,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from pipeline.store.tables import article

Row = dict[str, Any]
Name = tuple[str, str]
"""source, id."""


def insert(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    finish: Callable[[Any], Any] = lambda statement: statement,
) -> CursorResult[Any]:
    """Insert ``rows``, at least one and all with the same columns.

    ``finish`` is given the dialect's INSERT, and adds ON CONFLICT and RETURNING to it.
    """
    if connection.dialect.name != "postgresql":
        return connection.execute(finish(sqlite.insert(table)), rows)
    names = list(rows[0])
    arrays = [_array(name, rows, table.c[name].type) for name in names]
    values = select(*(func.unnest(array) for array in arrays))
    statement = postgresql.insert(table).from_select(names, values)
    return connection.execute(finish(statement))


def update_articles(connection: Connection, rows: Sequence[Row]) -> None:
    """Set columns of articles: ``of_source`` and ``of_id`` name each, the rest is what to set."""
    statement: Update
    if connection.dialect.name != "postgresql":
        statement = update(article).where(
            article.c.source == bindparam("of_source"), article.c.id == bindparam("of_id")
        )
        connection.execute(statement, rows)
        return
    kinds = {"of_source": article.c.source.type, "of_id": article.c.id.type}
    names = list(rows[0])
    arrays = [
        _array(name, rows, kinds[name] if name in kinds else article.c[name].type)
        for name in names
    ]
    columns = [column(name, Text) for name in names]
    new = func.unnest(*arrays).table_valued(*columns, name="new").render_derived()
    statement = (
        update(article)
        .where(and_(article.c.source == new.c.of_source, article.c.id == new.c.of_id))
        .values({name: new.c[name] for name in names if name not in kinds})
    )
    connection.execute(statement)


def among(
    connection: Connection,
    source: ColumnElement[Any],
    of_id: ColumnElement[Any],
    names: Iterable[Name],
) -> ColumnElement[bool]:
    """Whether (``source``, ``of_id``) is one of ``names``; one parameter, or two, for all."""
    listed = [list(name) for name in names]
    if connection.dialect.name == "postgresql":
        text = postgresql.ARRAY(Text)
        sources = bindparam(None, [name[0] for name in listed], type_=text, unique=True)
        ids = bindparam(None, [name[1] for name in listed], type_=text, unique=True)
        return tuple_(source, of_id).in_(select(func.unnest(sources), func.unnest(ids)))
    each = func.json_each(json.dumps(listed, ensure_ascii=False)).table_valued("value")
    first, second = (func.json_extract(each.c.value, f"$[{n}]") for n in (0, 1))
    return tuple_(source, of_id).in_(select(first, second))


def one_of(
    connection: Connection, of: ColumnElement[Any], values: Iterable[str] | Iterable[int]
) -> ColumnElement[bool]:
    """Whether ``of`` is one of ``values``; one parameter for all, however many."""
    listed = list(values)
    if connection.dialect.name == "postgresql":
        array = bindparam(None, listed, type_=postgresql.ARRAY(_item(of.type)), unique=True)
        return of == func.any(array)
    each = func.json_each(json.dumps(listed, ensure_ascii=False)).table_valued("value")
    return of.in_(select(each.c.value))


def _array(name: str, rows: Sequence[Row], kind: TypeEngine[Any]) -> BindParameter[Any]:
    values = [row[name] for row in rows]
    return bindparam(None, values, type_=postgresql.ARRAY(_item(kind)), unique=True)


def _item(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    # As text without a bound: a cast to VARCHAR(n) would cut silently what the column refuses.
    return Text() if isinstance(kind, String) else kind
