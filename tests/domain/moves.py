"""Random lives: what customers, support, agencies and gateways may do, in any order and at any moment."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from hypothesis import strategies as st

from domain.money import decimal_text
from domain.opening import Terms
from domain.periods import first_instant, local, local_date
from domain.world import Usage, World
from policies.load import load
from tests.domain.auditor import Auditor
from tests.domain.gateway import (
    APPROVED,
    DECLINED,
    LOST_APPROVED,
    LOST_DECLINED,
    NEVER_ARRIVED,
    STOLEN,
    Fate,
    Gateway,
    silent,
)
from tests.domain.life import Life, terms

GAPS_HOURS = (0, 0, 1, 24, 24 * 3, 24 * 7, 24 * 11, 24 * 31)
"""Pauses between two messages: nothing, an hour, a day, a grace, a rung, a month."""

WORDS = (
    "no-such-signal", "payment-received", "payment-received", "payment-received", "payment-reversed",
    "payment-reversed", "payment-method-updated", "retry-payment", "reactivate", "refuse-reactivation", "cancel",
    "promise-to-pay", "payment-announced", "reactivation-requested", "hold-dunning", "release-dunning",
    "choose-at-month-end", "write-off", "undo-write-off", "block-access", "unblock-access", "agency-update",
)  # fmt: skip
"""What may be said; money more often than the rest."""


@dataclass(frozen=True)
class Move:
    """One message of a random life. `gap_hours` None means: at the very instant of the next deadline."""

    word: str
    gap_hours: int | None
    punctual: bool
    """False where the worker was down meanwhile: the message is taken in first, then all that was due."""
    which: int
    """Chooses a payment, an invoice, a reason, a method, where the message needs one."""
    size: int
    """Chooses the amount: the price, everything open, a part, a minor unit, too much."""
    backdated_days: int
    """How many days before it is taken in the message says it is from; below zero: clocks differ."""


@dataclass(frozen=True)
class RandomLife:
    """All that a life needs. Its repr is the seed: paste it into a test and the life is played again."""

    policy: str
    terms: Terms
    fates: tuple[str, ...]
    afterwards: str
    world: World
    moves: tuple[Move, ...]
    prologue_days: int = 0
    """How long the life runs by itself before the first move."""

    def begin(self) -> tuple[Life, datetime]:
        """The life, under audit, and the instant before its first move."""
        auditor = Auditor(load(self.policy))
        auditor.decimals = {"JPY": 0, "USD": 2, "KWD": 3}[self.terms.currency]
        gateway = Gateway.of(*(FATES[name] for name in self.fates), afterwards=FATES[self.afterwards])
        life = Life(self.policy, self.terms, gateway, self.world, auditor)
        assert life.wake_at is not None
        now = life.wake_at + timedelta(days=self.prologue_days)
        return life.play(now), now


def make(life: Life, move: Move, now: datetime) -> datetime:
    """Make a move; gives the instant at which it was made."""
    at = max(now, life.wake_at or now) if move.gap_hours is None else now + timedelta(hours=move.gap_hours)
    if move.punctual:
        life.play(at)
    fields = said(life, move, at)
    if move.backdated_days:
        fields["at"] = f"{local(at - timedelta(days=move.backdated_days), life.state.timezone):%Y-%m-%dT%H:%M}"
    life.hear(at, move.word, **fields)
    if not move.punctual:
        life.wake(at)
    agree(life)
    return at


def agree(life: Life) -> None:
    """What the gateway has taken is what the books have received from it, but for charges nobody has looked up yet."""
    waiting = {i.unresolved.charge_key for i in life.state.invoices if i.unresolved}
    booked = {key: p.minor for key, p in life.book.payments.items() if key in life.gateway.fates}
    assert booked == {key: minor for key, minor in life.gateway.taken.items() if key not in waiting}
    charged = {key for key in life.book.payments if not key.startswith("r-")}
    assert charged <= set(life.gateway.taken), "a charge was booked that nobody has made"


def said(life: Life, move: Move, at: datetime) -> dict[str, object]:
    """The payload of a move, made from what there is to pay, to reverse and to name at that moment."""
    s, which = life.state, move.which
    who: dict[str, object] = {"by": "support", "reason": ("dispute", "abuse", "unpaid")[which % 3]}
    match move.word:
        case "payment-received":
            numbers = [None, None, *life.book.invoices, "no-such-invoice"]
            return {
                "amount": _amount(life, move),
                "channel": ("card", "paypal", "bank_transfer", "agency")[which % 4],
                "reference": f"r-{len(life.book.payments) if which % 7 else 0}",
                "invoice": numbers[which % len(numbers)],
            }
        case "payment-reversed":
            references = [*life.book.payments, "no-such-payment"]
            reason = ("chargeback", "refund", "bounced")[which % 3]
            return {"amount": _amount(life, move), "reference": references[which % len(references)], "reason": reason}
        case "payment-method-updated":
            method = ("card", "paypal", "bank_transfer")[move.size % 3]
            return {"role": ("primary", "secondary")[which % 2], "method": method}
        case "retry-payment":
            return {"by": "customer"}
        case "cancel":
            return {**who, "when": ("now", "period_end")[which % 2]}
        case "promise-to-pay":
            until = local_date(at, s.timezone) + timedelta(days=(which * 5) % 60)
            return {"by": "support", "until": until.isoformat()}
        case "payment-announced":
            return {"amount": _amount(life, move), "invoices": [], "client_number": s.client_number}
        case "reactivation-requested":
            return {"reason": "please"}
        case "choose-at-month-end":
            return {"by": "support", "choice": ("cancel", "keep_trying")[which % 2]}
        case "agency-update":
            return {"status": ("returned", "uncollectable", "disputed")[which % 3]}
        case _:
            return who


def _amount(life: Life, move: Move) -> str:
    s = life.state
    minor = (s.price_minor, s.open_minor, s.open_minor // 3, 1, 2 * s.price_minor, 10 * s.price_minor)[move.size % 6]
    return decimal_text(min(max(minor, 1), 10**15 - 1), s.currency)


FATES: dict[str, Fate] = {
    "approved": APPROVED,
    "declined": DECLINED,
    "stolen card": STOLEN,
    "lost, approved": LOST_APPROVED,
    "lost, declined": LOST_DECLINED,
    "never arrived": NEVER_ARRIVED,
    "silent, approved": silent(3, APPROVED),
    "silent for hours, declined": silent(30, DECLINED),
    "silent, never arrived": silent(2, NEVER_ARRIVED),
}
"""By name, so that a failing life is printed as a line that can be read."""

MOVES = st.builds(
    Move,
    word=st.sampled_from(WORDS),
    gap_hours=st.one_of(st.none(), st.sampled_from(GAPS_HOURS)),
    punctual=st.sampled_from((True, True, True, False)),
    which=st.integers(0, 11),
    size=st.integers(0, 5),
    backdated_days=st.sampled_from((0, 0, 0, 0, 0, 0, 0, 2, 40, -1)),
)

TERMS = st.builds(
    terms,
    price_minor=st.sampled_from((4900, 4900, 1, 0, 10**14)),
    currency=st.sampled_from(("USD", "JPY", "KWD")),
    instalments=st.sampled_from((12, 12, 2)),
    starts_on=st.sampled_from(("2026-01-15", "2026-01-31", "2026-03-01", "2026-10-25")),
    timezone=st.sampled_from(("America/New_York", "UTC", "Asia/Beirut", "Pacific/Auckland", "America/Havana")),
    primary=st.sampled_from(("card", "card", "paypal", "bank_transfer")),
    secondary=st.sampled_from(("card", "paypal", "bank_transfer", None)),
    tags=st.sampled_from(((), ("risky",), ("trusted",))),
    since=st.sampled_from((None, "2020-01-01")),
)

_DAYS = st.dates(date(2026, 1, 1), date(2027, 6, 30))
_SPANS = st.tuples(_DAYS, st.integers(1, 20))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """What was used, and when unapplied money may be this customer's."""
    usage = tuple(Usage(on, "batch_uploaded") for on in draw(st.lists(_DAYS, max_size=3)))
    spans = [(first_instant(on, "UTC"), timedelta(days=days)) for on, days in draw(st.lists(_SPANS, max_size=2))]
    return World(usage=usage, evidence=tuple((begin, begin + span) for begin, span in spans))


_MISERY = st.just(("approved", *["declined"] * 20))
"""One invoice paid, then none: it leads to the lower end of every ladder."""


def lives(policy: str, moves: int) -> st.SearchStrategy[RandomLife]:
    """Random lives under a policy with at most so many messages."""
    return st.builds(
        RandomLife,
        policy=st.just(policy),
        terms=TERMS,
        fates=st.one_of(st.lists(st.sampled_from((*FATES, "approved", "declined")), max_size=12).map(tuple), _MISERY),
        prologue_days=st.sampled_from((0, 0, 30, 50, 80, 125)),
        afterwards=st.sampled_from(("approved", "declined", "declined", "lost, declined")),
        world=worlds(),
        moves=st.one_of(st.lists(MOVES, max_size=5), st.lists(MOVES, min_size=moves // 2, max_size=moves)).map(tuple),
    )
