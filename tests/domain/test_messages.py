"""Every message of the contract: what it must carry, what it may carry, and in which words nonsense is refused."""

import copy
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.messages import LIST_LIMIT, REQUIRED, SIGNALS, TEXT_LIMIT, Message, Refused, digests, parse
from domain.periods import parse_local
from tests.domain.life import begins

ZONE = "America/New_York"
NOW = parse_local("2026-03-18T10:00", ZONE)

WHO_AND_WHY: dict[str, object] = {"by": "support:kim", "reason": "a reason"}

GOOD: dict[str, dict[str, object]] = {
    "payment-received": {"amount": "49.00", "channel": "bank_transfer", "reference": "r-1"},
    "payment-reversed": {"amount": "49.00", "reference": "r-1", "reason": "chargeback"},
    "payment-method-updated": {"role": "primary", "method": "card"},
    "retry-payment": {"by": "customer"},
    "reactivate": WHO_AND_WHY,
    "refuse-reactivation": WHO_AND_WHY,
    "cancel": {**WHO_AND_WHY, "when": "period_end"},
    "promise-to-pay": {"by": "support:kim", "until": "2026-04-01"},
    "payment-announced": {"amount": "49.00", "invoices": ["s-1-0001"], "client_number": "K100"},
    "reactivation-requested": {"reason": "please"},
    "hold-dunning": WHO_AND_WHY,
    "release-dunning": WHO_AND_WHY,
    "choose-at-month-end": {"by": "support:kim", "choice": "cancel"},
    "write-off": WHO_AND_WHY,
    "undo-write-off": WHO_AND_WHY,
    "block-access": {"by": "support:kim", "reason": "abuse"},
    "unblock-access": {"by": "support:kim", "reason": "abuse"},
    "agency-update": {"status": "returned"},
}
"""One payload of each signal of spec section 8, with nothing in it that could be left out."""

FIELDS = [(signal, name) for signal, payload in GOOD.items() for name in payload]


def read(signal: str, *payloads: object, currency: str = "USD") -> Message:
    """What a signal means to a customer in New York who pays in dollars."""
    return parse(signal, payloads, currency, ZONE, NOW)


def refusal(signal: str, *payloads: object, currency: str = "USD") -> str:
    """Why it is refused."""
    with pytest.raises(Refused) as refused:
        read(signal, *payloads, currency=currency)
    return str(refused.value)


def but(signal: str, **changes: object) -> dict[str, object]:
    """A good payload with some fields changed."""
    return {**GOOD[signal], **changes}


def test_these_are_all_the_signals_there_are() -> None:
    assert set(GOOD) == set(SIGNALS)
    assert {signal: set(payload) for signal, payload in GOOD.items()} == {s: set(f) for s, f in REQUIRED.items()}


@pytest.mark.parametrize("signal", GOOD)
def test_a_good_payload_is_understood_and_left_as_it_was(signal: str) -> None:
    payload = copy.deepcopy(GOOD[signal])
    message = read(signal, payload)
    assert (message.signal, message.at, message.id) == (signal, NOW, None)
    assert message.by
    assert payload == GOOD[signal]


@pytest.mark.parametrize("signal", GOOD)
def test_id_note_and_time_may_be_added_to_any_message(signal: str) -> None:
    message = read(signal, but(signal, id="m-1", note="by telephone", at="2026-03-17T09:00"))
    assert (message.id, message.at) == ("m-1", parse_local("2026-03-17T09:00", ZONE))


@pytest.mark.parametrize(("signal", "name"), FIELDS)
def test_a_missing_field_is_named(signal: str, name: str) -> None:
    payload = {key: value for key, value in GOOD[signal].items() if key != name}
    assert refusal(signal, payload) == f"{signal}: field {name!r} is missing"
    assert refusal(signal, but(signal, **{name: None})) == f"{signal}: field {name!r} is missing"


@pytest.mark.parametrize(("signal", "name"), FIELDS)
@pytest.mark.parametrize(
    "wrong", [5, 4.5, True, {}, {"a": 1}, [[]], [5], "", " ", "\n", "a\x00b", "x" * (TEXT_LIMIT + 1)]
)
def test_a_field_of_the_wrong_kind_is_refused_with_what_was_expected(signal: str, name: str, wrong: object) -> None:
    why = refusal(signal, but(signal, **{name: wrong}))
    assert why.startswith((f"{name}: ", f"{name}[0]: "))
    assert "expected" in why
    assert len(why) < 2 * TEXT_LIMIT, "an absurdly long text is not repeated"


@pytest.mark.parametrize("signal", GOOD)
@pytest.mark.parametrize(
    ("payloads", "why"),
    [
        ((), "0 payloads: expected one JSON object"),
        (({}, {}), "2 payloads: expected one JSON object"),
        ((None,), "None: expected one JSON object"),
        (("text",), "'text': expected one JSON object"),
        (([],), "a list of 0: expected one JSON object"),
        ((5,), "5: expected one JSON object"),
    ],
)
def test_a_message_is_one_object(signal: str, payloads: tuple[object, ...], why: str) -> None:
    assert refusal(signal, *payloads) == f"{signal}: {why}"


@pytest.mark.parametrize("signal", GOOD)
def test_a_field_that_nobody_knows_is_refused_and_not_ignored(signal: str) -> None:
    why = refusal(signal, but(signal, amuont="49.00"))
    assert why.startswith(f"{signal}: field 'amuont': unknown; expected ")
    assert all(name in why for name in GOOD[signal])


@pytest.mark.parametrize("signal", [s for s in GOOD if s != "payment-received"])
def test_only_a_payment_names_an_invoice(signal: str) -> None:
    assert "field 'invoice': unknown" in refusal(signal, but(signal, invoice="s-1-0001"))
    assert read("payment-received", but("payment-received", invoice="s-1-0001")).text("invoice") == "s-1-0001"


@pytest.mark.parametrize("signal", ["", "payment", "Payment-Received", "payment_received", "x" * 10_000, "cancel "])
def test_an_unknown_name_is_refused_with_the_names_there_are(signal: str) -> None:
    why = refusal(signal, {})
    assert "unknown; expected one of payment-received, payment-reversed" in why
    assert len(why) < 600


@pytest.mark.parametrize("signal", ["payment-received", "payment-reversed", "payment-announced"])
@pytest.mark.parametrize(
    ("amount", "currency", "why"),
    [
        ("49.005", "USD", "amount: amount '49.005': USD has 2 decimals, expected such as '49.00'"),
        ("49.0", "JPY", "amount: amount '49.0': JPY has 0 decimals, expected such as '49'"),
        ("49.0001", "KWD", "amount: amount '49.0001': KWD has 3 decimals, expected such as '49.000'"),
        ("0", "USD", "amount: '0' is not above zero"),
        ("0.00", "USD", "amount: '0.00' is not above zero"),
        ("-1.00", "USD", "amount: '-1.00' is not above zero"),
        ("-0.00", "USD", "amount: '-0.00' is not above zero"),
        ("10000000000000.00", "USD", "amount: amount '10000000000000.00': must be below 10^15 minor units"),
        ("1000000000000000", "JPY", "amount: amount '1000000000000000': must be below 10^15 minor units"),
        ("1e3", "USD", "amount: amount '1e3': expected a decimal string such as '49.00'"),
        (49, "USD", "amount: amount 49: expected a decimal string such as '49.00'"),
        (49.0, "USD", "amount: amount 49.0: expected a decimal string such as '49.00'"),
        ("49,00", "USD", "amount: amount '49,00': expected a decimal string such as '49.00'"),
    ],
)
def test_an_amount_is_above_zero_and_has_the_digits_of_its_currency(
    signal: str, amount: object, currency: str, why: str
) -> None:
    assert refusal(signal, but(signal, amount=amount), currency=currency) == why


@pytest.mark.parametrize(("amount", "minor"), [("49", 4900), ("0.01", 1), ("9999999999999.99", 10**15 - 1)])
def test_an_amount_is_read_into_minor_units(amount: str, minor: int) -> None:
    assert read("payment-received", but("payment-received", amount=amount)).minor() == minor


@pytest.mark.parametrize(
    "until",
    ["2026-02-30", "2026-13-01", "2026-W01-1", "20260301", "2026-3-1", "2026-03-01T00:00", "tomorrow", "0000-01-01"],
)
def test_a_date_is_a_date_of_the_calendar(until: str) -> None:
    why = refusal("promise-to-pay", but("promise-to-pay", until=until))
    assert why == f"until: {until!r}: expected a date such as '2026-03-18'"


@pytest.mark.parametrize("year", ["0001", "1949", "2201", "9999"])
def test_no_date_and_no_time_is_centuries_away(year: str) -> None:
    why = f"'{year}-12-31': expected a year from 1950 to 2200"
    assert refusal("promise-to-pay", but("promise-to-pay", until=f"{year}-12-31")) == f"until: {why}"
    why = f"'{year}-12-30T10:00': expected a year from 1950 to 2200"
    assert refusal("retry-payment", but("retry-payment", at=f"{year}-12-30T10:00")) == f"at: {why}"


def test_a_date_is_read() -> None:
    assert read("promise-to-pay", but("promise-to-pay", until="2028-02-29")).until() == date(2028, 2, 29)


@pytest.mark.parametrize(
    "at",
    [
        "2026-02-30T10:00", "2026-03-18", "2026-03-18 10:00", "2026-03-18T24:00", "2026-03-18T10", "now", 5, [], True,
        "2026-03-18T10:00+99:00", "0001-01-01T00:00+14:00", "9999-12-31T23:59", "9999-12-31T23:59-12:00",
    ],
)  # fmt: skip
def test_a_time_is_a_time_of_the_clock(at: object) -> None:
    why = refusal("retry-payment", but("retry-payment", at=at))
    assert why.startswith("at: ")
    assert "expected local time such as '2026-03-18T10:00'" in why


@pytest.mark.parametrize("at", ["2026-03-20T00:00", "2027-01-01T00:00"])
def test_a_message_from_the_future_is_refused(at: str) -> None:
    assert "lies in the future; it was taken in at 2026-03-18T14:00:00+00:00" in refusal(
        "retry-payment", but("retry-payment", at=at)
    )


@pytest.mark.parametrize(
    ("at", "instant"),
    [
        ("2026-03-19T23:59", "2026-03-20T03:59:00+00:00"),  # clocks differ: a day ahead is believed
        ("2020-01-01T00:00", "2020-01-01T05:00:00+00:00"),
        ("2026-03-18T10:00Z", "2026-03-18T10:00:00+00:00"),
        ("2026-03-08T02:30", "2026-03-08T07:30:00+00:00"),  # the hour that was skipped
        ("2025-11-02T01:30", "2025-11-02T05:30:00+00:00"),  # twice: the first
    ],
)
def test_a_message_is_dated_by_its_own_time_on_the_customers_clock(at: str, instant: str) -> None:
    assert read("retry-payment", but("retry-payment", at=at)).at.isoformat() == instant


@pytest.mark.parametrize(
    ("signal", "name", "words"),
    [
        ("payment-received", "channel", "card, paypal, bank_transfer, agency"),
        ("payment-reversed", "reason", "chargeback, refund, bounced"),
        ("payment-method-updated", "role", "primary, secondary"),
        ("payment-method-updated", "method", "card, paypal, bank_transfer"),
        ("cancel", "when", "now, period_end"),
        ("agency-update", "status", "returned, uncollectable, disputed"),
        ("choose-at-month-end", "choice", "cancel, keep_trying"),
    ],
)
def test_a_word_is_one_of_its_list(signal: str, name: str, words: str) -> None:
    assert refusal(signal, but(signal, **{name: "cash"})) == f"{name}: 'cash': expected one of {words}"
    for word in words.split(", "):
        assert read(signal, but(signal, **{name: word})).text(name) == word
        assert refusal(signal, but(signal, **{name: word.upper()}))


def test_an_announcement_names_at_most_so_many_invoices() -> None:
    for named in ([], ["s-1-0001"] * LIST_LIMIT):
        assert read("payment-announced", but("payment-announced", invoices=named)).fields["invoices"] == named
    assert "expected a list" in refusal(
        "payment-announced", but("payment-announced", invoices=["a"] * (LIST_LIMIT + 1))
    )
    assert "invoices[1]: 5" in refusal("payment-announced", but("payment-announced", invoices=["a", 5]))


@pytest.mark.parametrize(
    ("signal", "by"),
    [
        ("payment-announced", "customer"),
        ("payment-method-updated", "customer"),
        ("reactivation-requested", "customer"),
        ("agency-update", "agency"),
        ("payment-received", "platform"),
        ("cancel", "support:kim"),
    ],
)
def test_a_message_says_who_sent_it(signal: str, by: str) -> None:
    assert read(signal, GOOD[signal]).by == by


@pytest.mark.parametrize("signal", GOOD)
def test_a_message_is_known_again_by_its_id(signal: str) -> None:
    one, two = read(signal, but(signal, id="m-1")), read(signal, but(signal, id="m-2"))
    assert set(digests(one)) & set(digests(read(signal, but(signal, id="m-1", note="again"))))
    assert set(digests(one)) != set(digests(two))


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("2026-03-18T10:00"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
payloads = st.one_of(
    json,
    st.dictionaries(st.sampled_from(sorted({"at", "id", "note", *(name for _, name in FIELDS)})), json),
    st.builds(
        lambda signal, changes: {**GOOD[signal], **changes},
        st.sampled_from(SIGNALS),
        st.dictionaries(st.sampled_from(sorted({"at", "id", *(name for _, name in FIELDS)})), json, max_size=2),
    ),
)


def understood(signal: str, *said: object) -> Message | str:
    """The message, or why it is refused; anything else is an error."""
    try:
        return read(signal, *said)
    except Refused as refused:
        return str(refused)


@given(st.sampled_from(SIGNALS), st.lists(payloads, min_size=1, max_size=2))
def test_whatever_json_comes_is_understood_or_refused_and_never_an_error(signal: str, said: list[object]) -> None:
    found = understood(signal, *said)
    if isinstance(found, Message):
        assert all(len(digest) == 15 for digest in digests(found))
    else:
        assert len(found) < 1_000


@given(st.datetimes(), st.sampled_from(("", "Z", "+14:00", "-12:00", "+23:59", "-23:59")))
def test_whatever_time_is_written_is_understood_or_refused(at: datetime, offset: str) -> None:
    found = understood("retry-payment", but("retry-payment", at=f"{at:%Y-%m-%dT%H:%M}".rjust(16, "0") + offset))
    assert isinstance(found, Message) or found.startswith("at: ")


@pytest.mark.parametrize("state", ["usable", "expired", "removed"])
def test_news_of_a_card_does_not_make_a_card_payer_of_who_pays_by_transfer(state: str) -> None:
    life = begins("photo-monthly").play("2026-01-20")
    life.tell("2026-01-20T10:00", "payment-method-updated", role="primary", method="bank_transfer")
    life.tell("2026-01-21T10:00", "payment-method-updated", role="primary", method="card", state=state)
    assert life.state.primary == "bank_transfer"
