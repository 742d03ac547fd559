"""What Stripe's declines become: every documented code has its class, and advice is never lost."""

import pytest

from adapters.gateways.stripe_declines import reason_of
from domain.declines import HARD, KINDS, kind_of
from standins.stripe_cards import DECLINE_CODES


@pytest.mark.parametrize("code", sorted(DECLINE_CODES))
def test_every_documented_decline_code_is_classed_and_kept_as_the_reason(code: str) -> None:
    assert code in KINDS
    assert reason_of("card_declined", code) == code


@pytest.mark.parametrize("code", sorted(DECLINE_CODES))
def test_advice_not_to_try_again_always_ends_as_a_hard_reason(code: str) -> None:
    assert kind_of(reason_of("card_declined", code, "do_not_try_again")) == "hard"


@pytest.mark.parametrize("code", sorted(DECLINE_CODES))
@pytest.mark.parametrize("advice", ["try_again_later", "confirm_card_data", "new_at_stripe", None])
def test_no_other_advice_makes_a_hard_reason_of_another_or_another_of_a_hard_one(code: str, advice: str | None) -> None:
    assert (kind_of(reason_of("card_declined", code, advice)) == "hard") == (kind_of(code) == "hard")


@pytest.mark.parametrize(
    ("code", "decline_code", "advice_code", "reason"),
    [
        ("card_declined", "insufficient_funds", "try_again_later", "insufficient_funds"),
        ("card_declined", "generic_decline", "try_again_later", "try_again_later"),
        ("card_declined", "do_not_honor", "try_again_later", "try_again_later"),
        ("card_declined", "do_not_honor", None, "do_not_honor"),
        ("card_declined", "generic_decline", "do_not_try_again", "do_not_try_again"),
        ("card_declined", "lost_card", "do_not_try_again", "lost_card"),
        ("card_declined", "generic_decline", "confirm_card_data", "confirm_card_data"),
        ("card_declined", "insufficient_funds", "confirm_card_data", "confirm_card_data"),
        ("expired_card", "expired_card", "confirm_card_data", "expired_card"),
        ("expired_card", None, None, "expired_card"),
        ("authentication_required", "authentication_required", None, "authentication_required"),
        ("card_declined", None, None, "generic_decline"),
        (None, None, None, "generic_decline"),
        ("card_declined", "new_at_stripe", None, "new_at_stripe"),
        ("card_declined", "Dear Ms. Miller, call us", None, "generic_decline"),
    ],
)
def test_a_card_error_becomes_one_reason(
    code: str | None, decline_code: str | None, advice_code: str | None, reason: str
) -> None:
    assert reason_of(code, decline_code, advice_code) == reason


def test_a_reason_that_nobody_has_classed_is_soft() -> None:
    assert kind_of("new_at_stripe") == "soft"


def test_what_the_domain_holds_for_hard_is_hard_here() -> None:
    assert {reason for reason in HARD if kind_of(reason) != "hard"} == set()
