"""Two releases of the worker side by side on a real server: a life crosses from one to the other between two runs.

The newer release asks for other activities in a month and writes a newer schema, so it could neither replay a run that
this one began, nor be replaced by this one once it has written. It is a process of its own out of an edited copy of
this tree. All workers replay every task.
"""

import pytest

from domain.run import DEPLOY
from tests.fleet.releases import DEPLOYMENT, Fleet, builds, done, failure
from tests.workflows.lives import KIM, Life, begun, json_payload

pytestmark = pytest.mark.slow

BY_OLD = ["charge"]
BY_NEW = ["carry_out", "charge"]

Crossing = list[tuple[list[str], list[str]]]


async def crossed(life: Life) -> Crossing:
    """Who worked on each run, and what was asked for in it."""
    return [(list(builds(run)), done(run)) for run in await life.runs()]


async def billed_once_a_month(life: Life, months: int) -> None:
    """Nothing lost, nothing doubled, and the books agree."""
    assert [e.fields["invoice"] for e in await life.entries("invoice_issued")] == [
        f"{life.id}-{number:04d}" for number in range(1, months + 1)
    ]
    assert [e.fields["outcome"] for e in await life.entries("charge")] == ["approved"] * months
    assert await life.stage.books.audit(life.id) == []


async def test_a_life_crosses_to_the_current_version_when_its_period_ends(servers: Fleet) -> None:
    async with servers.here(""):
        life = await begun(servers.stage, "photo-monthly", "crossing")
        await life.until("2026-01-14T23:30")
    async with servers.here("old"):
        await servers.make_current("old")
        await life.until("2026-02-16T12:00")
        runs: Crossing = [(["", "old"], BY_OLD), (["old"], BY_OLD)]
        assert await crossed(life) == [*runs, (["old"], [])]

        await servers.make_current("new")
        later = await begun(servers.stage, "photo-monthly", "begun-later")
        for each in (life, later):
            await each.until("2026-04-16T12:00")
        assert await crossed(life) == [*runs, (["old"], BY_OLD), (["new"], BY_NEW), (["new"], [])]
        assert await crossed(later) == [(["new"], BY_NEW)] * 4 + [(["new"], [])]
        await billed_once_a_month(life, 4)
        await billed_once_a_month(later, 4)


async def test_whatever_wakes_a_life_within_its_period_takes_it_across_once(servers: Fleet) -> None:
    async with servers.here("old"):
        await servers.make_current("old")
        life = await begun(servers.stage, "photo-annual", "woken")
        await life.until("2026-01-20T12:00")
        await servers.make_current("new")
        await life.tell("hold-dunning", **KIM)
        for reason in ("one", "two", "three"):
            await life.ask("block-access", by="support:kim", reason=reason)
        moved = await crossed(life)
    assert [who for who, _ in moved] == [["old"], ["old"], ["new"]]
    assert moved[1][1] == ["carry_out"]  # the message that woke it was acted on where it was heard
    assert len(await life.entries("dunning_held")) == 1
    assert (await life.state()).hold is not None
    assert await life.stage.books.audit(life.id) == []


async def test_a_state_of_a_newer_schema_waits_for_the_worker_that_wrote_it(servers: Fleet) -> None:
    async with servers.here("old"):
        await servers.make_current("new")
        life = await begun(servers.stage, "photo-monthly", "rolled-back")
        await life.until("2026-02-16T12:00")
        await servers.make_current("old")
        await life.signal_raw("hold-dunning", json_payload(KIM))
        refused = await failure(life)
        assert refused == (
            "the state of subscription rolled-back has schema 2, and this worker reads schemas up to 1: a newer one "
            f"wrote it. Nothing was decided and no money moved. {DEPLOY}"
        )
        await servers.make_current("new")
        await life.until("2026-03-16T12:00")
    assert [who for who, _ in await crossed(life)] == [["new"]] * 5
    await billed_once_a_month(life, 3)


async def test_a_life_whose_worker_is_gone_stands_still_until_it_is_moved(servers: Fleet) -> None:
    async with servers.here("old"):
        await servers.make_current("old")
        life = await begun(servers.stage, "photo-monthly", "left-behind")
        await life.until("2026-01-20T12:00")
    await servers.make_current("new")
    await life.signal_raw("hold-dunning", json_payload(KIM))
    async with servers.here("mended"):
        assert list(builds((await life.runs())[-1])) == ["old"]
        words = ("workflow", "update-options", "--workflow-id", life.handle.id)
        override = ("--versioning-override-behavior", "one_time", "--versioning-override-deployment-name", DEPLOYMENT)
        await servers.insist(*words, *override, "--versioning-override-build-id", "mended")
        assert (await life.state()).hold is not None
    assert [who for who, _ in await crossed(life)] == [["old"], ["old", "mended"], ["new"]]
    assert await life.stage.books.audit(life.id) == []


async def test_a_version_is_drained_once_nobody_lives_on_it_and_sleepers_can_be_sent_on(servers: Fleet) -> None:
    async with servers.here("retired"):
        await servers.make_current("retired")
        lives = [await begun(servers.stage, "photo-monthly", f"sleeper-{number}") for number in range(2)]
        for life in lives:
            await life.until("2026-01-20T12:00")
        before = [await life.entries() for life in lives]
        await servers.make_current("new")
        assert await servers.drainage("retired") == "draining"
        there = f"TemporalWorkerDeploymentVersion='{DEPLOYMENT}:retired' AND ExecutionStatus='Running'"
        await servers.listed(there, len(lives))
        await servers.temporal(*("workflow", "signal", "--name", "continue-as-new", "--query", there, "--yes"))
        await servers.drained("retired")
    for life, entries in zip(lives, before, strict=True):
        assert [who for who, _ in await crossed(life)] == [["retired"], ["retired"], ["new"]]
        assert await life.entries() == entries  # nothing is said to the customer, and nothing written down
        await life.until("2026-02-16T12:00")
        await billed_once_a_month(life, 2)
