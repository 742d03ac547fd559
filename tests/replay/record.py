"""Record the histories that `test_histories.py` replays: `python -m tests.replay.record`.

Record again only where no subscription is alive that was decided by the older code. Where one is, a history that no
longer replays says that the change needs patching or a worker version of its own (docs/decisions).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

from adapters.simulated.refusals import refuse
from domain.world import GatewayRule, World
from engine.stage import Stage, stage
from tests.workflows.lives import KIM, Life, begun, declined, json_payload

HISTORIES = Path(__file__).with_name("histories")

Tell = Callable[[Stage], Awaitable[Life]]
MOMENTS: dict[str, Tell] = {}
"""Each gives a life, one of whose last two runs is the telling one."""


def moment(tell: Tell) -> Tell:
    MOMENTS[getattr(tell, "__name__", "")] = tell
    return tell


@moment
async def active(stage: Stage) -> Life:
    """A healthy month, begun by continue-as-new, and a secondary card that saves the next."""
    life = await begun(stage, "photo-monthly", "active", world=World(gateway=declined("2026-03-01").gateway[:1]))
    await life.until("2026-03-10T12:00")
    return life


@moment
async def past_due(stage: Stage) -> Life:
    life = await begun(stage, "photo-monthly", "past-due", world=declined("2026-02-01"))
    await life.until("2026-02-16T12:00")
    await life.tell("promise-to-pay", by="support:kim", until="2026-02-17")
    return life


@moment
async def locked(stage: Stage) -> Life:
    life = await begun(stage, "photo-monthly", "locked", world=declined("2026-02-01"))
    await life.until("2026-02-20T12:00")
    await life.tell("payment-received", amount="9.00", channel="bank_transfer", reference="r-1")
    await life.tell("retry-payment", by="support:kim")
    return life


async def _account_locked(stage: Stage, id_: str) -> Life:
    life = await begun(stage, "hosting", id_, starts_on="2026-01-01", world=declined("2026-03-01"))
    await life.until("2026-03-30T12:00")
    return life


@moment
async def account_locked(stage: Stage) -> Life:
    life = await _account_locked(stage, "account-locked")
    await life.tell("payment-announced", amount="31.00", invoices=[], client_number="K-account-locked")
    return life


@moment
async def awaiting_review(stage: Stage) -> Life:
    life = await _account_locked(stage, "awaiting-review")
    await life.ask("payment-received", amount="31.00", channel="bank_transfer", reference="r-1")
    return life


@moment
async def reactivated(stage: Stage) -> Life:
    life = await _account_locked(stage, "reactivated")
    await life.ask("payment-received", amount="31.00", channel="bank_transfer", reference="r-1")
    await life.ask("reactivate", **KIM)
    return life


@moment
async def cancelled(stage: Stage) -> Life:
    life = await begun(stage, "hosting", "cancelled", starts_on="2026-01-01", world=declined("2026-03-01"))
    await life.until("2026-04-15T12:00")
    return life


@moment
async def in_collections(stage: Stage) -> Life:
    life = await begun(stage, "hosting", "in-collections", starts_on="2026-01-01", world=declined("2026-03-01"))
    await life.until("2026-05-01T12:00")
    await life.tell("payment-received", amount="10.00", channel="agency", reference="a-1")
    return life


@moment
async def ended(stage: Stage) -> Life:
    life = await begun(stage, "photo-monthly", "ended", world=declined("2026-02-01"))
    await life.until("2026-03-02T12:00")
    return life


@moment
async def delinquent(stage: Stage) -> Life:
    """Weekly rounds, three instalments missed, the termination charge placed."""
    life = await begun(stage, "photo-annual", "delinquent", world=declined("2026-03-01"))
    await life.until("2026-06-02T12:00")
    return life


@moment
async def messages(stage: Stage) -> Life:
    """Good ones, repeated ones, nonsense, updates; a reversal, a hold, a write-off and its undoing."""
    life = await begun(stage, "photo-monthly", "messages")
    await life.until("2026-01-20T12:00")
    paid = {"amount": "10.00", "channel": "bank_transfer", "reference": "r-1"}
    await life.signal_raw("payment-received", json_payload(paid))
    await life.signal_raw("payment-received", json_payload(paid))
    await life.signal_raw("payment-received")
    await life.signal_raw("make-me-rich", json_payload(paid), json_payload(paid))
    await life.tell("payment-reversed", amount="49.00", reference="messages-0001/1/primary", reason="chargeback")
    await life.ask("hold-dunning", **KIM)
    await life.ask("write-off", **KIM)
    await life.ask("undo-write-off", **KIM)
    await life.ask("payment-reversed", amount="1.00", reference="unknown", reason="refund")
    await life.ask("cancel", **KIM, when="period_end")
    await life.until("2026-01-25T12:00")
    return life


@moment
async def unknown_charge(stage: Stage) -> Life:
    """A charge that was sent and not answered, and is looked up."""
    rule = GatewayRule("primary", date(2026, 1, 1), None, "unknown_then_declined", None)
    life = await begun(stage, "photo-monthly", "unknown-charge", world=World(gateway=(rule,)))
    await life.until("2026-01-18T12:00")
    return life


@moment
async def silent_parties(stage: Stage) -> Life:
    """A run that began with parties still to be reached, and reached them."""
    life = await begun(stage, "photo-monthly", "silent-parties", world=declined("2026-01-01"))
    await refuse(stage.pool, "mail", life.id, 9)
    await life.until("2026-01-15T03:30")
    return life


def scrubbed(value: Any) -> Any:
    """Without what tells of the machine: who worked, and where its files lie."""
    if isinstance(value, list):
        return [scrubbed(item) for item in value]
    if not isinstance(value, dict):
        return value
    sticky = value.get("kind") == "TASK_QUEUE_KIND_STICKY"
    hidden = {"identity": "a worker", "stackTrace": "", **({"name": "sticky"} if sticky else {})}
    return {key: hidden[key] if key in hidden else scrubbed(item) for key, item in value.items()}


async def record() -> None:
    """Play every moment, and write the longer one of its last two runs: one event a line."""
    async with stage() as parts:
        lives = {name: await tell(parts) for name, tell in MOMENTS.items()}
        histories = {
            name: max((await life.runs())[-2:], key=lambda run: len(run.events)) for name, life in lives.items()
        }
    for path in HISTORIES.glob("*.json"):
        path.unlink()
    for name, history in histories.items():
        lines = ",\n".join(json.dumps(scrubbed(event)) for event in history.to_json_dict()["events"])
        (HISTORIES / f"{name}.json").write_text(f'{{"events": [\n{lines}\n]}}\n', encoding="utf-8")
        print(f"{name}: {len(history.events)} events")


if __name__ == "__main__":
    asyncio.run(record())
    sys.stdout.flush()
    os._exit(0)  # an interpreter's own teardown can crash after a worker (temporalio #300)
