"""The outside world's side of the books: vaulted payment methods, gateways' references, reports, support's tasks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from adapters.postgres.pool import Connection
from domain.gateways import Holder, KnownCharge, Vaulted
from domain.reports import Report
from domain.subscription import Role

TASKS_LIMIT = 1000  # of one page


@dataclass(frozen=True, slots=True)
class Task:
    """Something a person has to look at. `key` is what it was asked under, once."""

    id: int
    key: str
    subscription_id: str | None
    kind: str
    text: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingReport:
    """What a party has reported, so many times, and what has had no effect yet: it is asked to send it again."""

    source: str
    id: str
    what: str
    subscription_id: str | None
    times: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class SeenReport:
    """`taken_in`: it has had its effect, nothing is left to do. `known_for`: since it was first heard of."""

    taken_in: bool
    known_for: timedelta


async def keep_vaulted(
    connection: Connection, subscription_id: str, role: Role, method: Vaulted, told_at: datetime | None
) -> bool:
    """Keep how a subscription pays in a role; replaces what was kept. False where that is newer than `told_at`.

    `told_at` is when a gateway says that it happened, in whole seconds: webhooks come late and in any order.
    """
    kept = await connection.fetchval(
        "insert into payment_method (subscription_id, role, gateway, payer, method, state, updated_at)"
        " values ($1, $2, $3, $4, $5, $6, coalesce($7, now())) on conflict (subscription_id, role) do update set"
        " (gateway, payer, method, state, reason, updated_at) ="
        " (excluded.gateway, excluded.payer, excluded.method, excluded.state, '', excluded.updated_at)"
        " where $7::timestamptz is null or date_trunc('second', payment_method.updated_at) <= $7 returning true",
        subscription_id,
        role,
        method.gateway,
        method.payer,
        method.method,
        method.state,
        told_at,
    )
    return bool(kept)


async def vaulted(connection: Connection, subscription_id: str, role: Role) -> Vaulted | None:
    """How a subscription pays in a role; None where nothing is kept."""
    row = await connection.fetchrow(
        "select gateway, payer, method, state, reason from payment_method where subscription_id = $1 and role = $2",
        subscription_id,
        role,
    )
    return Vaulted(**dict(row)) if row else None


async def holders_of(connection: Connection, gateway: str, method: str) -> list[Holder]:
    """Who pays by a vaulted method, in the order of their ids."""
    rows = await connection.fetch(
        "select subscription_id, role from payment_method where gateway = $1 and method = $2"
        " order by subscription_id, role",
        gateway,
        method,
    )
    return [Holder(**dict(row)) for row in rows]


async def holders_of_payer(connection: Connection, gateway: str, payer: str) -> list[Holder]:
    """Who pays by any method of a payer, in the order of their ids."""
    rows = await connection.fetch(
        "select subscription_id, role from payment_method where gateway = $1 and payer = $2 and payer <> ''"
        " order by subscription_id, role",
        gateway,
        payer,
    )
    return [Holder(**dict(row)) for row in rows]


async def mark_vaulted(
    connection: Connection,
    gateway: str,
    method: str,
    state: Literal["usable", "expired", "removed"],
    told_at: datetime | None,
) -> list[Holder]:
    """Note how a vaulted method stands at its gateway; gives whose it is. What is known from later stays."""
    await connection.execute(
        "update payment_method set state = $3, reason = '', updated_at = coalesce($4, now())"
        " where gateway = $1 and method = $2"
        " and ($4::timestamptz is null or date_trunc('second', updated_at) <= $4)",
        gateway,
        method,
        state,
        told_at,
    )
    return await holders_of(connection, gateway, method)


async def refuse_vaulted(connection: Connection, gateway: str, method: str, reason: str) -> None:
    """Note that a method was declined for a hard reason: it is not asked for again until it is replaced."""
    await connection.execute(
        "update payment_method set state = 'refused', reason = $3, updated_at = now()"
        " where gateway = $1 and method = $2",
        gateway,
        method,
        reason,
    )


async def remember(connection: Connection, charge_key: str, gateway: str, reference: str, subscription_id: str) -> str:
    """Keep the gateway's name for a charge; gives the one that is kept, which is the first."""
    await connection.execute(
        "insert into gateway_reference (charge_key, gateway, reference, subscription_id) values ($1, $2, $3, $4)"
        " on conflict (charge_key, gateway) do nothing",
        charge_key,
        gateway,
        reference,
        subscription_id,
    )
    kept = await remembered(connection, charge_key, gateway)
    if kept is None:
        raise LookupError(f"charge {charge_key}: its reference was deleted while it was kept; no money moved")
    return kept


async def remembered(connection: Connection, charge_key: str, gateway: str) -> str | None:
    """The gateway's name for a charge; None where it was never given one."""
    found: str | None = await connection.fetchval(
        "select reference from gateway_reference where charge_key = $1 and gateway = $2", charge_key, gateway
    )
    return found


async def charge_of(connection: Connection, gateway: str, reference: str) -> KnownCharge | None:
    """The charge that a gateway knows by a reference; None where it is none of ours."""
    row = await connection.fetchrow(
        "select charge_key, subscription_id from gateway_reference where gateway = $1 and reference = $2",
        gateway,
        reference,
    )
    return KnownCharge(**dict(row)) if row else None


async def see_report(connection: Connection, report: Report) -> SeenReport:
    """Note that something was reported; gives what is known of it."""
    row = await connection.fetchrow(
        "insert into report (source, id, what, subscription_id, signal, note, state)"
        " values ($1, $2, $3, $4, $5, $6, 'seen')"
        " on conflict (source, id) do update set times = report.times + 1 returning state, received_at, now() as now",
        report.source,
        report.id,
        report.what,
        report.subscription_id,
        report.signal,
        report.note,
    )
    if row is None:
        raise LookupError(f"report {report.id} of {report.source}: it was deleted while it was noted; send it again")
    return SeenReport(row["state"] == "taken_in", row["now"] - row["received_at"])


async def report_taken_in(connection: Connection, source: str, report_id: str, note: str, *, refused: bool) -> None:
    """Note that a report has had its effect; `note` says what became of it, where that is not what it asked for."""
    await connection.execute(
        "update report set state = 'taken_in', taken_in_at = now(), refused = $4,"
        " note = case when $3 = '' then note else $3 end where source = $1 and id = $2 and state = 'seen'",
        source,
        report_id,
        note,
        refused,
    )


async def report_refused(connection: Connection, source: str, report_id: str) -> bool:
    """Whether the message of a report was refused, so that it has had no effect."""
    return bool(
        await connection.fetchval("select refused from report where source = $1 and id = $2", source, report_id)
    )


async def waiting_reports(connection: Connection, limit: int) -> list[WaitingReport]:
    """Reports that have been seen and not taken in, oldest first; at most `limit` (1 to 1000)."""
    rows = await connection.fetch(
        "select source, id, what, subscription_id, times, received_at from report where state = 'seen'"
        " order by received_at, source, id limit $1",
        min(limit, TASKS_LIMIT),
    )
    return [WaitingReport(**dict(row)) for row in rows]


async def ask_support(connection: Connection, key: str, subscription_id: str | None, kind: str, text: str) -> None:
    """Ask a person to look at something; asked again under the same key, it is asked once."""
    await connection.execute(
        "insert into support_task (key, subscription_id, kind, text) values ($1, $2, $3, $4)"
        " on conflict (key) do nothing",
        key,
        subscription_id,
        kind,
        text,
    )


async def tasks(connection: Connection, subscription_id: str | None, limit: int) -> list[Task]:
    """Open tasks, oldest first: of one subscription, or (None) all; at most `limit` (1 to 1000)."""
    rows = await connection.fetch(
        "select id, key, subscription_id, kind, text, asked_at from support_task where done_at is null"
        " and ($1::text is null or subscription_id = $1) order by id limit $2",
        subscription_id,
        min(limit, TASKS_LIMIT),
    )
    return [Task(**dict(row)) for row in rows]


async def close_task(connection: Connection, key: str, by: str, reason: str) -> None:
    """Close the task that was asked under a key, where it is open: what it asked for has been done."""
    await connection.execute(
        "update support_task set (done_by, done_reason, done_at) = ($2, $3, now()) where key = $1 and done_at is null",
        key,
        by,
        reason,
    )


async def task_done(connection: Connection, task_id: int, by: str, reason: str) -> bool:
    """Close a task; False where none of that id is open."""
    done = await connection.fetchval(
        "update support_task set (done_by, done_reason, done_at) = ($2, $3, now())"
        " where id = $1 and done_at is null returning true",
        task_id,
        by,
        reason,
    )
    return bool(done)
