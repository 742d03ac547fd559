"""Moving to another policy: on purpose, where the subscription can live under it."""

from dataclasses import replace

import pytest

from domain.moving import CannotMove, Move, move, refusal
from domain.policy import Policy
from policies.load import load
from tests.domain.gateway import APPROVED, DECLINED
from tests.domain.life import Life, begins

SAID = Move("hosting", 1, "support", "agreed by letter")


def locked() -> Life:
    """A life whose second month was not paid, on the second day of its lock."""
    return begins("photo-monthly", APPROVED, afterwards=DECLINED).play("2026-02-20")


def published_again(policy: Policy) -> Policy:
    """The next version of a policy."""
    return replace(policy, version=policy.version + 1, digest="0" * 64)


def test_who_is_locked_is_not_moved_to_a_version_that_cannot_unlock() -> None:
    life = locked()
    assert life.state.standing == "locked"
    next_one = published_again(life.policy)
    blind = replace(next_one, access=replace(next_one.access, counterparts=()))
    why = refusal(life.state, blind)
    assert why is not None
    assert "block_uploads" in why
    with pytest.raises(CannotMove, match="no money moved"):
        move(life.state, blind, SAID, life.at("2026-02-20"))


@pytest.mark.parametrize(
    ("policy", "on", "standing"),
    [
        ("photo-monthly", "2026-02-17", "past_due"),
        ("photo-monthly", "2026-02-20", "locked"),
        ("hosting", "2026-05-05", "cancelled"),
    ],
)
def test_who_owes_what_is_past_due_is_not_moved_to_another_ladder(policy: str, on: str, standing: str) -> None:
    """Its rungs may have the same names and mean something else: the debt might never be judged again."""
    life = begins(policy, APPROVED, afterwards=DECLINED).play(on)
    assert life.state.standing == standing
    why = refusal(life.state, replace(published_again(life.policy), name="another"))
    assert why is not None
    assert f"under {policy}" in why
    assert refusal(life.state, published_again(life.policy)) is None


def test_who_is_locked_is_moved_to_a_version_that_can() -> None:
    life = locked()
    assert refusal(life.state, published_again(life.policy)) is None


def test_who_has_access_is_moved_to_any_policy() -> None:
    life = begins("photo-monthly").play("2026-02-20")
    moved = move(life.state, load("hosting"), SAID, life.at("2026-02-20"))
    assert moved.subscription.policy.name == "hosting"
    assert [e.what for e in moved.effects if hasattr(e, "what")] == ["policy_moved"]
