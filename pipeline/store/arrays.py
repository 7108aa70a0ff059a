"""Lists on their way to PostgreSQL as arrays: thousands of texts or numbers at a time.

The driver looks into each item whether it needs quotes, which was most of what a big question
cost our process. Here all of a list is written at once, and every text has quotes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.array import ListDumper

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.abc import Buffer

APART = "\0"
"""Stands between texts while they are quoted: none may contain it, says PostgreSQL."""


class QuickLists(ListDumper):
    """A list in the same form as the driver's: of what is not only texts or numbers, its own."""

    def dump(self, obj: list[Any]) -> Buffer | None:
        """``{1,2}`` or ``{"one","two"}``."""
        kinds = set(map(type, obj))
        if kinds == {int}:
            return f"{{{','.join(map(str, obj))}}}".encode()
        if kinds == {str} and self.sub_dumper is not None:
            joined = APART.join(obj)
            if joined.count(APART) == len(obj) - 1:
                quoted = joined.replace("\\", "\\\\").replace('"', '\\"').replace(APART, '","')
                # Into the connection's encoding, as a text by itself would be.
                return self.sub_dumper.dump(f'{{"{quoted}"}}')
        return super().dump(obj)


def prepare(connection: Connection[Any], _record: object) -> None:
    """Let a new connection write its lists so."""
    connection.adapters.register_dumper(list, QuickLists)
