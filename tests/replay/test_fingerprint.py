"""An edit that would break subscriptions which are alive fails here, and says what to do."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from domain.published import publish
from tests.fleet.releases import OTHER_COMMANDS, Edit, edit, release
from tests.replay.commands import advice, decided, parting, recorded
from tests.replay.fingerprint import differences, partings, read
from tests.replay.moments import carried
from tests.replay.outline import ROOM, outline
from tests.replay.record import HISTORIES, present

NOW = HISTORIES / present()


@pytest.fixture(autouse=True)
def policies() -> None:
    publish(*carried())


def edited(folder: Path, *edits: Edit) -> str:
    """The outline of a copy of workflows/ with some edits."""
    shutil.copytree(ROOM, folder / "workflows", ignore=shutil.ignore_patterns("__pycache__"))
    edit(folder, *edits)
    return outline(folder / "workflows")


async def test_this_code_commands_what_every_history_holds() -> None:
    assert await partings() == []


def test_the_reviewed_texts_are_those_of_the_histories_and_the_source() -> None:
    assert list(differences()) == []


HARMLESS: dict[str, tuple[Edit, ...]] = {
    "local variables have other names": (
        ("workflows/subscription.py", "        bills = upcoming", "        billing = upcoming"),
        ("workflows/subscription.py", "more_follows=bills)", "more_follows=billing)"),
        ("workflows/subscription.py", "self.billed or bills", "self.billed or billing"),
    ),
    "another text": (("workflows/perform.py", 'f"deliver: {party}"', 'f"tell: {party}"'),),
    "another docstring": (("workflows/couriers.py", "Keep delivering to parties", "Go on delivering to parties"),),
    "another limit": (("workflows/subscription.py", "ENTRIES_KEPT = 40", "ENTRIES_KEPT = 50"),),
    "another time to wait": (("workflows/subscription.py", "timedelta(minutes=10)", "timedelta(minutes=5)"),),
}
UNSAFE: dict[str, tuple[Edit, ...]] = {
    "another activity before the charge": OTHER_COMMANDS,
    "another option that decides commands": (
        ("workflows/subscription.py", "more_follows=bills", "more_follows=False"),
    ),
    "another condition": (
        ("workflows/subscription.py", "if now != self.shown and not self.billed:", "if now != self.shown:"),
    ),
    "another predicate": (("workflows/subscription.py", "self.state.round is None and (", "("),),
    "an await more": (
        (
            "workflows/subscription.py",
            "        self.couriers.send(run.undelivered)\n",
            "        self.couriers.send(run.undelivered)\n        await workflow.sleep(1)\n",
        ),
    ),
    "another wake": (
        (
            "workflows/subscription.py",
            "return bool(self.inbox or self.moves) or self.leaving",
            "return bool(self.inbox)",
        ),
    ),
    "another activity": (("workflows/perform.py", "errands.LOOK_UP_PAYMENT, request", "errands.CARRY_OUT, request"),),
    "no timer where there was one": (
        (
            "workflows/couriers.py",
            "timeout=max(again_at - self._clock(), timedelta(milliseconds=1))",
            "timeout=None",
        ),
    ),
}


@pytest.mark.parametrize("edits", HARMLESS.values(), ids=HARMLESS)
def test_an_edit_that_changes_no_command_leaves_the_outline_alone(tmp_path: Path, edits: tuple[Edit, ...]) -> None:
    assert edited(tmp_path / "tree", *edits) == outline(ROOM)


@pytest.mark.parametrize("edits", UNSAFE.values(), ids=UNSAFE)
def test_an_edit_that_may_change_commands_shows_in_the_outline(tmp_path: Path, edits: tuple[Edit, ...]) -> None:
    assert edited(tmp_path / "tree", *edits) != outline(ROOM)


async def test_advice_says_what_differs_whom_it_breaks_and_what_to_do() -> None:
    history = read(NOW / "locked.json")
    held = recorded(history)
    assert parting(held, await decided(history)) is None

    place = next(number for number, each in enumerate(held) if each.what == "charge")
    found = parting(held, [*(each.what for each in held[:place]), "read_facts"])
    assert found is not None
    said = advice("locked.json", "0.1.0", found, released=True)
    assert f"from event {held[place].event} on:" in said
    assert "[charge]\n" in said
    assert "[read_facts]\n" in said
    for expected in ("NondeterminismError", "workflow.patched", "PERENNIAL_BUILD", "docs/upgrading.md"):
        assert expected in said
    assert "Recording anew is no choice" in said
    assert "record --again" in advice("locked.json", "0.1.0", found, released=False)


def test_a_command_more_at_the_end_of_a_history_is_noticed_which_replay_itself_does_not() -> None:
    held = recorded(read(NOW / "locked.json"))
    found = parting(held, [*(each.what for each in held), "upsert"])
    assert found is not None
    assert (found.recorded, found.decided) == (None, "upsert")
    fewer = parting(held, [each.what for each in held[:-1]])
    assert fewer is not None
    assert (fewer.recorded, fewer.decided) == (held[-1], None)


@pytest.mark.slow
def test_an_unsafe_edit_of_the_code_fails_with_advice(tmp_path: Path) -> None:
    tree = release(tmp_path / "tree", *OTHER_COMMANDS, tests=("replay", "workflows", "fleet"))
    command = [sys.executable, "-m", "tests.replay.fingerprint", "active"]
    broken = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=120, check=False)
    assert broken.returncode == 1, broken.stderr
    assert (
        f"tests/replay/histories/{present()}/active.json: what this code commands is not what release {present()} "
        "recorded, from event 11 on:\n"
        "  recorded   ..., timer, [charge]\n"
        "  this code  ..., timer, [carry_out]\n"
    ) in broken.stdout
    assert "+  if v1\n+    perform.carry_out(..., ..., self.priority)\n" in broken.stdout
