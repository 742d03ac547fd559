"""Card numbers never enter: what looks like one is refused and not repeated, what only looks long is let through."""

import pytest

from domain.cards import field_with_card_number, holds_card_number
from domain.opening import InvalidTerms, read_contact
from engine.speak import MessageRefused, tell
from tests.domain.life import begins


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424242",
        "4242 4242 4242 4242",
        "paid with 5555-5555-5555-4444, he says",
        "378282246310005",
        "6011111111111117",
        "3056930009020004",
        "3566002020360505",
    ],
)
def test_a_card_number_is_seen_however_it_is_written(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4242424242424241",  # fails the Luhn check
        "2026031512345678",  # a bank's own reference
        "DE89370400440532013000",
        "1-0001/2/primary",
        "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        "ending in 4242",
        "+49 30 1234567890",
    ],
)
def test_what_is_no_card_number_is_let_through(text: str) -> None:
    assert not holds_card_number(text)


def test_a_bank_reference_is_money_and_never_refused_for_its_digits() -> None:
    assert field_with_card_number({"reference": "4242424242424242", "amount": "1.00"}) is None


@pytest.mark.parametrize("payload", [{"by": "kim", "reason": "card 4242424242424242"}, {"4242424242424242": "x"}])
def test_a_message_with_a_card_number_is_refused_without_repeating_it(payload: dict[str, object]) -> None:
    life = begins("photo-monthly").play("2026-02-20")
    life.tell("2026-02-20T10:00", "hold-dunning", **payload)
    [refused] = [entry for entry in life.entries if entry.what == "refused"]
    assert "card number" in str(refused.fields["why"])
    assert "4242" not in str(refused)


def test_a_token_that_is_a_card_number_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidTerms, match=r"vault\.primary\.method: looks like a card number") as refused:
        read_contact({"vault": {"primary": {"gateway": "stripe", "payer": "cus_1", "method": "4242424242424242"}}})
    assert "4242" not in str(refused.value)


async def test_a_card_number_does_not_even_reach_temporal() -> None:
    with pytest.raises(MessageRefused, match=r"'reason' looks like a card number.*Nothing was sent"):
        await tell(None, None, "s-1", "hold-dunning", {"by": "kim", "reason": "4242 4242 4242 4242"})  # type: ignore[arg-type]
