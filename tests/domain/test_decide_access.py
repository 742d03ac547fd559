"""Access is taken away for named reasons and given back for each of them; what one reason clears, another may keep."""

import pytest

from domain.effects import TellSiblings
from tests.domain.gateway import APPROVED, DECLINED
from tests.domain.life import Life, begins
from tests.domain.variations import Vary

ABUSE = {"by": "support", "reason": "abuse"}
FRAUD = {"by": "support", "reason": "fraud"}
LOCKS = ["block_uploads", "block_archive", "deactivate_sites"]
UNLOCKS = ["allow_uploads", "allow_archive", "activate_sites"]


def commands(life: Life, since: str = "0001-01-01") -> list[str]:
    """The platform commands sent from a local date on, in order."""
    return [line.rpartition(" ")[2] for line in life.story("platform", since=since)]


def pay(life: Life, clock: str, amount: str = "49.00") -> Life:
    """The customer pays by bank transfer."""
    return life.tell(clock, "payment-received", amount=amount, channel="bank_transfer", reference=f"r-{clock}")


def test_a_lock_takes_access_and_a_payment_gives_it_back() -> None:
    life = pay(begins("photo-monthly", afterwards=DECLINED), "2026-01-20T10:00")
    assert commands(life) == LOCKS + UNLOCKS
    assert life.story("email")[-1] == "01-20 10:00 e-mail account_unlocked"


def test_payment_clears_its_own_reason_only() -> None:
    life = begins("photo-monthly", afterwards=DECLINED).tell("2026-01-19T10:00", "block-access", **ABUSE)
    assert commands(pay(life, "2026-01-20T10:00")) == LOCKS
    assert life.state.standing == "active"
    assert "account_unlocked" not in [mail.template for mail in life.mails], "it is not unlocked, so nobody says so"
    assert commands(life.tell("2026-01-21T10:00", "unblock-access", **ABUSE)) == LOCKS + UNLOCKS


def test_a_command_that_stands_already_is_not_sent_again() -> None:
    life = begins("photo-monthly", afterwards=DECLINED).tell("2026-01-10T10:00", "block-access", **ABUSE)
    life.tell("2026-01-11T10:00", "block-access", **FRAUD).play("2026-01-20")
    assert commands(life) == LOCKS
    assert life.state.standing == "locked"


def test_access_comes_back_with_the_last_of_several_reasons() -> None:
    life = begins("photo-monthly").tell("2026-01-20T10:00", "block-access", **ABUSE)
    life.tell("2026-01-21T10:00", "block-access", **FRAUD).tell("2026-01-22T10:00", "unblock-access", **ABUSE)
    assert commands(life) == LOCKS
    assert commands(life.tell("2026-01-23T10:00", "unblock-access", **FRAUD)) == LOCKS + UNLOCKS


def test_a_block_is_no_debt_and_leaves_the_standing_and_the_billing_alone() -> None:
    life = begins("photo-monthly").tell("2026-01-20T10:00", "block-access", **ABUSE).play("2026-03-01")
    assert life.story("standing") == []
    assert life.story("charge", since="2026-02-01") == ["02-15 charge approved 49.00"]


def test_a_cancellation_supersedes_the_lock_for_debt_and_keeps_the_other_reasons() -> None:
    life = begins("photo-monthly", afterwards=DECLINED).tell("2026-01-20T10:00", "block-access", **ABUSE)
    life.tell("2026-01-21T10:00", "cancel", by="customer", reason="moving", when="now")
    assert not set(commands(life)) & set(UNLOCKS)
    assert commands(life.tell("2026-01-22T10:00", "unblock-access", **ABUSE), since="2026-01-22") == UNLOCKS


def test_only_what_was_sent_is_undone() -> None:
    """Locked and paid before the account was: the server alone is unlocked, and no cancellation is revoked."""
    life = pay(begins("hosting", APPROVED, afterwards=DECLINED), "2026-04-07T10:00")
    life.tell("2026-04-08T10:00", "reactivate", by="support", reason="paid")
    assert commands(life) == ["lock_server", "unlock_server"]


def test_a_partial_payment_unlocks_nothing() -> None:
    life = pay(begins("photo-monthly", afterwards=DECLINED), "2026-01-20T10:00", "48.99")
    assert life.state.standing == "locked"
    assert commands(pay(life, "2026-01-21T10:00", "0.01")) == LOCKS + UNLOCKS


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("subscription", []),
        ("customer", [("block-access", "unpaid: s-1"), ("unblock-access", "unpaid: s-1")]),
    ],
)
def test_one_debt_blocks_another_subscription_only_where_the_policy_says_so(
    vary: Vary, scope: str, told: list[tuple[str, str]]
) -> None:
    life = pay(begins(vary("photo-monthly", scope=scope), afterwards=DECLINED), "2026-01-20T10:00")
    assert [(e.signal, e.reason) for e in life.effects if isinstance(e, TellSiblings)] == told


def test_what_a_sibling_owes_blocks_under_a_name_of_its_own(vary: Vary) -> None:
    life = begins(vary("photo-monthly", scope="customer"))
    life.tell("2026-01-20T10:00", "block-access", by="policy", reason="unpaid: s-2")
    assert commands(life) == LOCKS
    assert [e for e in life.effects if isinstance(e, TellSiblings)] == [], "it is not told on and on"
    assert commands(life.tell("2026-01-21T10:00", "unblock-access", by="policy", reason="unpaid: s-2"))[3:] == UNLOCKS


@pytest.mark.parametrize(
    ("primary", "secondary", "declines", "left"),
    [
        pytest.param("card", None, 2, "any", id="two card failures"),
        pytest.param("card", None, 3, "bank_transfer", id="three card failures"),
        pytest.param("paypal", None, 1, "bank_transfer", id="one PayPal failure"),
        pytest.param("card", "paypal", 2, "bank_transfer", id="a card, then PayPal"),
        pytest.param("bank_transfer", None, 0, "any", id="nothing to charge is no failure"),
    ],
)
def test_failures_leave_bank_transfer_as_the_only_channel(
    primary: str, secondary: str | None, declines: int, left: str
) -> None:
    life = begins("hosting", *[DECLINED] * declines, primary=primary, secondary=secondary).play("2026-02-16")
    while len(life.gateway.asked) < declines:
        life.tell("2026-02-16T10:00", "retry-payment", by="customer")
    assert life.state.bank_only is (left == "bank_transfer")


def test_a_card_that_pays_resets_the_count_and_new_details_do_not() -> None:
    life = begins("hosting", DECLINED, APPROVED, DECLINED, DECLINED, secondary=None)
    life.tell("2026-02-16T10:00", "retry-payment", by="customer")
    assert life.state.card_failures == 0
    life.tell("2026-03-16T10:00", "payment-method-updated", role="primary", method="card")
    assert life.state.card_failures == 1
    life.tell("2026-03-17T10:00", "retry-payment", by="customer")
    assert (life.state.card_failures, life.state.bank_only) == (2, False)


def test_no_charge_is_tried_where_only_bank_transfer_is_open() -> None:
    life = begins("hosting", DECLINED, primary="paypal", secondary="card").play("2026-02-20")
    assert life.story("charge") == ["02-15 charge declined 49.00"], "the card behind the failed PayPal is not tried"
    life.tell("2026-02-20T10:00", "retry-payment", by="customer")
    assert life.entries[-1].fields["why"] == "only bank transfer is open"


def test_support_reopens_the_channels_in_good_standing() -> None:
    life = begins("hosting", DECLINED, primary="paypal", secondary="card").play("2026-02-16")
    pay(life, "2026-02-16T10:00").tell("2026-02-17T10:00", "reactivate", by="support", reason="a known customer")
    life.play("2026-03-20")
    assert life.story("channels_reopened", "charge", since="2026-02-16") == [
        "02-17 10:00 channels reopened",
        "03-15 charge approved 49.00",
    ]
