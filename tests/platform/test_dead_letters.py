"""Dead letters: refused by the platform, seen by support, replayed where that does no harm, or discarded."""

import asyncio

import pytest

from adapters.postgres import batches
from adapters.postgres.dead_letters import DeadLetters, Outcome, ReplayRefused, UnknownDeadLetter
from domain.effects import Batch
from engine.dead_letters import replay
from tests.platform.lines import AT, VIEW, Line, command

BLOCK, ALLOW = "s-1/000001/platform", "s-1/000003/platform"
BY = {"by": "support:ben", "reason": "the platform was mended"}


async def _replayed(line: Line, key: str) -> Outcome:
    return await replay(line.dead_letters, line.parts.deliveries, key, **BY)


async def _decisions(line: Line) -> list[tuple[str, ...]]:
    rows = await line.pool.fetch("select key, decision, by, reason from dead_letter_decision order by id")
    return [tuple(row) for row in rows]


async def test_what_the_platform_refuses_is_a_dead_letter_that_support_is_shown_and_the_rest_goes_on(
    line: Line,
) -> None:
    await line.refuse(command(1, "block_uploads"), command(2, "deactivate_sites"))
    assert line.stand_in.obeyed("s-1") == ["deactivate_sites"]
    dead = (await line.dead())[0]
    assert (dead.key, dead.party, dead.kind, dead.what) == (BLOCK, "platform", "command", "block_uploads")
    assert (dead.subscription_id, dead.at, dead.attempts) == ("s-1", AT, 1)
    assert dead.put_at is not None
    assert "refused it with status 422" in dead.error
    task = (await line.books.tasks("s-1"))[0]
    assert (task.kind, task.key) == ("dead letter", f"refused/{BLOCK}")


async def test_a_replayed_command_is_delivered_at_once_under_its_key_and_the_task_is_done(line: Line) -> None:
    await line.refuse(command(1, "block_uploads"))
    assert await _replayed(line, BLOCK) == Outcome("delivered", "")
    assert [(heard.key, heard.verdict) for heard in line.stand_in.told("s-1")] == [(BLOCK, "obeyed")]
    ids = {seen.headers["webhook-id"] for seen in line.stand_in.wire.requests}
    assert len(line.stand_in.wire.requests) == 2
    assert len(ids) == 1
    assert await line.dead() == []
    assert await line.books.tasks("s-1") == []
    assert await _decisions(line) == [(BLOCK, "replay", "support:ben", "the platform was mended")]


async def test_a_replay_that_is_refused_again_is_the_dead_letter_it_was_and_support_keeps_its_task(line: Line) -> None:
    await line.refuse(command(1, "block_uploads"))
    task = (await line.books.tasks("s-1"))[0]
    assert await line.books.task_done(task.id, by="support:ben", reason="will look at it later")
    line.stand_in.wire.break_("POST", "status", status=410)
    outcome = await _replayed(line, BLOCK)
    assert outcome.state == "failed"
    assert "status 410" in outcome.error
    assert [dead.attempts for dead in await line.dead()] == [2]
    assert [task.key for task in await line.books.tasks("s-1")] == [f"refused/{BLOCK}"]


async def test_a_replay_that_nobody_answers_leaves_nothing_pending_for_which_nobody_comes(line: Line) -> None:
    await line.refuse(command(1, "block_uploads"))
    line.stand_in.wire.break_("POST", "lost_after")
    outcome = await _replayed(line, BLOCK)
    assert outcome.state == "failed"
    assert "not acknowledged" in outcome.error
    assert await line.states() == {BLOCK: "failed"}
    assert await _replayed(line, BLOCK) == Outcome("delivered", "")
    assert line.stand_in.obeyed("s-1") == ["block_uploads"]


async def test_a_replay_waits_behind_what_its_party_has_not_taken_yet_and_says_so(line: Line) -> None:
    await line.decide(1, command(1, "block_uploads"))
    line.stand_in.wire.break_("POST", "status", times=2, status=503)
    assert "503" in (await line.deliver())["platform"]
    await line.decide(2, command(2, "deactivate_sites"))
    await line.pool.execute("update outbox set state = 'failed', attempts = 1 where key = 's-1/000002/platform'")
    outcome = await _replayed(line, "s-1/000002/platform")
    assert outcome.state == "failed"
    assert BLOCK in outcome.error
    assert await line.states() == {BLOCK: "pending", "s-1/000002/platform": "failed"}


@pytest.mark.parametrize("state", ["delivered", "pending"])
async def test_a_lock_is_not_replayed_once_its_unlock_is_decided(line: Line, state: str) -> None:
    await line.refuse(command(1, "block_uploads"))
    await line.decide(2, command(3, "allow_uploads", because="payment received"))
    if state == "delivered":
        await line.deliver()
    with pytest.raises(ReplayRefused, match=f"{ALLOW} was decided after it.*no money moved.*Discard it"):
        await _replayed(line, BLOCK)
    assert await line.states() == {BLOCK: "failed", ALLOW: state}
    assert await _decisions(line) == []
    assert "block_uploads" not in line.stand_in.obeyed("s-1")


async def test_a_lock_is_replayed_where_its_unlock_was_refused_too_and_both_come_in_their_order(line: Line) -> None:
    await line.refuse(command(1, "block_uploads"))
    await line.refuse(command(3, "allow_uploads", because="payment received"), number=2)
    assert (await _replayed(line, BLOCK)).state == "delivered"
    assert (await _replayed(line, ALLOW)).state == "delivered"
    assert line.stand_in.obeyed("s-1") == ["block_uploads", "allow_uploads"]


async def test_a_command_whose_companions_of_one_decision_were_obeyed_is_replayed_after_them(line: Line) -> None:
    await line.refuse(command(1, "block_uploads"), command(2, "block_archive"), command(3, "deactivate_sites"))
    assert (await _replayed(line, BLOCK)).state == "delivered"
    assert line.stand_in.obeyed("s-1") == ["block_archive", "deactivate_sites", "block_uploads"]


async def test_an_equal_reason_and_instant_do_not_make_two_decisions_one(line: Line) -> None:
    await line.refuse(command(1, "block_uploads", because="abuse"))
    await line.decide(2, command(3, "allow_uploads", because="abuse"))
    await line.deliver()
    with pytest.raises(ReplayRefused):
        await _replayed(line, BLOCK)


async def test_an_unlock_that_is_being_decided_at_this_moment_is_waited_for(line: Line) -> None:
    await line.refuse(command(1, "block_uploads"))
    unlock = Batch("s-1/2", VIEW, (command(3, "allow_uploads", because="payment received"),))
    async with line.pool.acquire() as deciding:
        async with deciding.transaction():
            await batches.write(deciding, unlock)
            replaying = asyncio.create_task(line.dead_letters.replay(BLOCK, **BY))
            async with asyncio.timeout(10):
                while not await deciding.fetchval("select count(*) from pg_locks where not granted"):
                    assert not replaying.done(), "it did not wait"
        with pytest.raises(ReplayRefused, match=ALLOW):
            await replaying


async def test_a_discarded_letter_is_withdrawn_and_its_task_is_done(line: Line) -> None:
    await line.refuse(command(1, "block_uploads"))
    dead = await line.dead_letters.discard(BLOCK, by="support:ben", reason="done by hand")
    assert dead.what == "block_uploads"
    assert await line.states() == {BLOCK: "withdrawn"}
    assert await line.books.tasks("s-1") == []
    assert await _decisions(line) == [(BLOCK, "discard", "support:ben", "done by hand")]
    assert await line.deliver() == {}
    assert line.stand_in.told() == []


async def test_only_a_dead_letter_is_replayed_or_discarded(line: Line) -> None:
    await line.decide(1, command(1, "block_uploads"))
    await line.deliver()
    for key, state in ((BLOCK, "it is delivered"), ("s-9/000001/platform", "no tiding of that key")):
        with pytest.raises(UnknownDeadLetter, match=state):
            await _replayed(line, key)
        with pytest.raises(UnknownDeadLetter, match=state):
            await line.dead_letters.discard(key, **BY)
    assert line.stand_in.obeyed("s-1") == ["block_uploads"]
    assert await _decisions(line) == []


@pytest.mark.parametrize(("by", "reason"), [("", "why"), ("ben", " "), ("ben", "x" * 201), ("b\nen", "why")])
async def test_who_and_why_are_not_left_out(line: Line, by: str, reason: str) -> None:
    await line.refuse(command(1, "block_uploads"))
    with pytest.raises(ValueError, match="1 to 200 printable characters"):
        await line.dead_letters.replay(BLOCK, by=by, reason=reason)
    assert await line.states() == {BLOCK: "failed"}


async def test_a_decision_is_never_changed(line: Line) -> None:
    await line.refuse(command(1, "block_uploads"))
    await line.dead_letters.discard(BLOCK, **BY)
    with pytest.raises(Exception, match="append-only"):
        await line.pool.execute("update dead_letter_decision set by = 'nobody'")


async def test_stuck_is_what_was_tried_in_vain_with_how_many_wait_behind_it(line: Line) -> None:
    await line.decide(1, command(1, "block_uploads"), command(2, "block_archive"))
    assert await line.dead_letters.stuck() == []
    line.stand_in.wire.break_("POST", "status", status=401)
    await line.deliver()
    (stuck,) = await line.dead_letters.stuck()
    assert (stuck.key, stuck.party, stuck.what, stuck.attempts, stuck.waiting) == (
        BLOCK, "platform", "block_uploads", 1, 2,
    )  # fmt: skip
    assert "compare the secret" in stuck.error
    assert stuck.put_at is not None
    assert await line.books.begin_try(BLOCK, 60) is not None
    assert await line.dead_letters.stuck() == [], "one that is being sent at this moment is not stuck"
    await line.books.mark_failed_try(BLOCK, "away")
    assert await line.deliver() == {}
    assert await line.dead_letters.stuck() == []


async def test_lists_are_of_one_subscription_or_of_all_and_no_longer_than_asked(line: Line) -> None:
    await line.refuse(command(1, "block_uploads"))
    await line.refuse(command(2, "block_archive"), number=2)
    letters = DeadLetters(line.pool)
    assert [dead.what for dead in await letters.listed("s-1")] == ["block_uploads", "block_archive"]
    assert [dead.what for dead in await letters.listed(limit=1)] == ["block_uploads"]
    assert await letters.listed("s-2") == []
