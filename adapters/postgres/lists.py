"""Lists of subscriptions, page by page: each page is read from an index in its own order, wherever in the list it lies.

A statement is put together from the conditions that were asked for and no others, so that PostgreSQL plans it once for
each connection and finds the index: one text for all questions would read the whole table for some of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from adapters.postgres.pool import Connection
from domain.effects import View
from domain.policy import Standing

PAGE_LIMIT = 500  # rows of one page of a list

VIEW = (
    "id, customer_id, client_number, policy, policy_version, plan, currency, timezone, standing, balance_minor,"
    " open_minor, credit_minor, placed_minor, next_at, next_what, attention, ended"
)
"""The columns that `view_in` takes: those of domain.effects.View, in its order."""


def view_in(row: asyncpg.Record) -> View:
    """The view in a row of the columns VIEW."""
    said: tuple[Any, ...] = (*row[:-2], tuple(row["attention"]), row["ended"])
    return View(*said)


async def find(
    connection: Connection,
    *,
    standings: Sequence[Standing] = (),
    customer_id: str | None = None,
    client_number: str | None = None,
    attention: str | None = None,
    after: str = "",
    limit: int = 50,
) -> list[View]:
    """Subscriptions in the order of their ids, those after the id `after`; at most `limit` (1 to 500).

    Each condition narrows the list. `attention` is a part of a remark, "" any remark at all; `standings` empty is any.
    """
    asked = _Asked(limit)
    asked.that("id >", after)
    if customer_id is not None:
        asked.that("customer_id =", customer_id)
    if client_number is not None:
        asked.that("client_number =", client_number)
    if attention is not None:
        asked.conditions.append("cardinality(attention) > 0")  # in the words of their index
    if attention:
        asked.that("exists (select from unnest(attention) said where strpos(lower(said), lower(", attention, ")) > 0)")
    if not standings:
        return await asked.views(connection, asked.page("id"))
    # a page of each standing from the index of both, merged in their order: what is behind the last row is not read
    pages = [asked.page("id", f"standing = {asked.value(one)}") for one in dict.fromkeys(standings)]
    merged = " ".join(("(", ") union all (".join(pages), ") order by id", asked.limit))
    return await asked.views(connection, merged if len(pages) > 1 else pages[0])


async def by_deadline(
    connection: Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[View]:
    """Subscriptions with a next deadline, soonest first, those of one instant by id; at most `limit` (1 to 500).

    Deadlines from `since` (inclusive) to `until` (exclusive). `after` is deadline and id of the last one seen. By no
    standing: deadlines of a rare one lie far apart, and its whole list is short.
    """
    asked = _Asked(limit)
    asked.conditions.append("next_at is not null")
    if since is not None:
        asked.that("next_at >=", since)
    if until is not None:
        asked.that("next_at <", until)
    if after is not None:
        asked.conditions.append(f"(next_at, id) > ({asked.value(after[0])}, {asked.value(after[1])})")
    return await asked.views(connection, asked.page("next_at, id"))


class _Asked:
    """A statement in the making: its conditions, and the values of its parameters.

    The limit stands in the text: under a limit that it does not know PostgreSQL trusts no plan made for all values, and
    plans each time, which takes longer than the reading.
    """

    def __init__(self, limit: int) -> None:
        if not 1 <= limit <= PAGE_LIMIT:
            raise ValueError(f"limit {limit}: expected 1 to {PAGE_LIMIT}")
        self.limit = f"limit {int(limit)}"
        self.values: list[object] = []
        self.conditions = ["standing is not null"]  # registered only: it has no view yet

    def value(self, value: object) -> str:
        """The name of a parameter of that value."""
        self.values.append(value)
        return f"${len(self.values)}"

    def that(self, condition: str, value: object, rest: str = "") -> None:
        self.conditions.append(f"{condition} {self.value(value)}{rest}")

    def page(self, order: str, *more: str) -> str:
        where = " and ".join([*self.conditions, *more])
        return " ".join(("select", VIEW, "from subscription where", where, "order by", order, self.limit))

    async def views(self, connection: Connection, text: str) -> list[View]:
        return [view_in(row) for row in await connection.fetch(text, *self.values)]
