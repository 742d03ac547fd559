"""What is said to one subscription, drawn from a seed: deeds, each told once or more, and what may be answered.

A deed is one thing that a message means; telling it again must do nothing. What comes after what is known here, so that
the answers can be foretold: bursts follow each other, strands of one burst run beside each other, and within a strand
each message is sent when the one before it has been taken in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

Door = Literal["signal", "update", "raw"]
Outcome = Literal["accepted", "repeated", "refused"]

BURSTS = (8, 16, 24, 24, 96)  # messages at most that run beside each other; the last is more than a run can finish
REMEMBERED = 64  # messages that the workflow keeps in mind; it asks the books about older ones
HOLDS, REASONS = ("hold-dunning", "release-dunning"), ("abuse", "dispute", "fraud")
UNKNOWN = ("make-me-rich", "payment_received", "überweisung", "PAYMENT-RECEIVED")
TODAY = "2026-02-01"

EFFECTS = {
    "payment-received": "payment_received",
    "payment-reversed": "payment_reversed",
    "hold-dunning": "dunning_held",
    "release-dunning": "dunning_released",
    "promise-to-pay": "promise_to_pay",
    "payment-announced": "payment_announced",
    "block-access": "access_blocked",
    "unblock-access": "access_unblocked",
    "payment-method-updated": "payment_method_updated",
    "reactivation-requested": "reactivation_requested",
}
"""Which line of the timeline tells that a message had its effect."""


@dataclass(slots=True)
class Deed:
    """One thing meant. `by` is its own, and the timeline names it in every line that came of it."""

    by: str
    signal: str
    payload: dict[str, Any]
    minor: int = 0
    reverses: Deed | None = None
    burst: int = 0
    """In which it is told first."""
    effects: int = 0
    """How many it must have in the end; a reversal's depend on who came first."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One sending of a deed. `may`: what it may come to; `kind` is for the count."""

    deed: Deed
    door: Door
    kind: str
    may: tuple[Outcome, ...]
    payload: Any
    name: str


@dataclass(slots=True)
class Script:
    """Everything that is said to one subscription. `strands` of each burst run beside each other."""

    id: str
    client_number: str
    bursts: list[list[list[Telling]]] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)

    def tellings(self) -> list[Telling]:
        """All of them."""
        return [telling for burst in self.bursts for strand in burst for telling in strand]


class Writer:
    """Writes a script of about `length` messages."""

    def __init__(self, id_: str, client_number: str, draw: Random) -> None:
        self.script = Script(id_, client_number)
        self._draw = draw
        self._held = False
        self._blocked: set[str] = set()
        self._known: dict[str, list[Deed]] = {"payment": [], "ordered": [], "reversal": []}

    def write(self, length: int) -> Script:
        """Draw bursts until there are enough messages."""
        said = 0
        while said < length:
            burst = self._burst(min(self._draw.randint(1, self._draw.choice(BURSTS)), length - said))
            said += sum(len(strand) for strand in burst)
            self.script.bursts.append(burst)
        return self.script

    def _burst(self, size: int) -> list[list[Telling]]:
        """Strands beside each other; what depends on the order goes into one strand."""
        strands: list[list[Telling]] = []
        ordered: list[Telling] = []
        left = size
        while left > 0:
            drawn, in_order = self._drawn()
            told = drawn[:left]
            left -= len(told)
            if in_order:
                ordered += told
            else:
                strands += [[telling] for telling in told]
        self._draw.shuffle(strands)
        return [*strands, ordered] if ordered else strands

    def _drawn(self) -> tuple[list[Telling], bool]:
        """One or two tellings, and whether their place among the others matters."""
        kinds: dict[Callable[[], list[Telling]], tuple[int, bool]] = {
            self._payment: (34, False),
            self._payment_again: (16, False),
            self._reversal: (8, False),
            self._reversal_again: (3, False),
            self._plain: (8, False),
            self._ordered: (14, True),
            self._ordered_again: (5, True),
            self._refused: (5, False),
            self._nonsense: (7, False),
        }
        chosen = self._draw.choices(list(kinds), [weight for weight, _ in kinds.values()])[0]
        return chosen(), kinds[chosen][1]

    # Money -------------------------------------------------------------------------------------------------------

    def _payment(self) -> list[Telling]:
        """A part of the debt, under a reference of its own; one in six is told twice at once."""
        minor = self._draw.randint(1, 500)
        deed = self._deed("payment-received", {}, minor=minor, effects=1)
        deed.payload |= {"amount": _decimal(minor), "channel": "bank_transfer", "reference": f"r-{deed.by}"}
        if self._draw.random() < 0.4:
            deed.payload["id"] = f"id-{deed.by}"
        self._known["payment"].append(deed)
        if self._draw.random() < 1 / 6:
            return [self._told(deed, "payment, at once twice", ("accepted", "repeated"), door) for door in _BOTH]
        return [self._told(deed, "payment", ("accepted",))]

    def _payment_again(self) -> list[Telling]:
        """One of an earlier burst: the same, or under another id, without its id, or its id with other money."""
        deed = self._earlier("payment")
        if deed is None:
            return self._payment()
        payload = dict(deed.payload)
        match self._draw.choice(("same", "other id", "no id", "other money")):
            case "other id":
                payload["id"] = f"again-{self._draw.getrandbits(40):010x}"
            case "no id":
                payload.pop("id", None)
            case "other money" if "id" in payload:
                payload |= {"amount": "7.77", "reference": f"x-{self._draw.getrandbits(40):010x}"}
            case _:
                pass
        late = len(self.script.deeds) - self.script.deeds.index(deed) > 2 * REMEMBERED
        kind = "payment, long after" if late else "payment, again"
        return [self._told(deed, kind, ("repeated",), payload=payload)]

    def _reversal(self) -> list[Telling]:
        """A part of an earlier payment, or more than all of it."""
        paid = self._earlier("payment")
        if paid is None:
            return self._payment()
        minor = self._draw.randint(1, max(1, paid.minor * 5 // 4))
        deed = self._deed("payment-reversed", {}, minor=minor, reverses=paid)
        reason = self._draw.choice(("chargeback", "refund", "bounced"))
        deed.payload |= {"amount": _decimal(minor), "reference": paid.payload["reference"], "reason": reason}
        deed.payload["id"] = f"id-{deed.by}"
        self._known["reversal"].append(deed)
        return [self._told(deed, "reversal", ("accepted", "refused"))]

    def _reversal_again(self) -> list[Telling]:
        deed = self._earlier("reversal")
        return [self._told(deed, "reversal, again", ("repeated", "refused"))] if deed else self._payment()

    # What is always taken, and what never is ------------------------------------------------------------------------

    def _plain(self) -> list[Telling]:
        """An announcement, a new method, a request: taken at any time; with an id, sometimes twice at once."""
        number = self.script.client_number
        signal, fields = self._draw.choice(
            (
                ("payment-announced", {"amount": "5.00", "invoices": [], "client_number": number}),
                ("payment-method-updated", {"role": "primary", "method": "bank_transfer"}),
                ("reactivation-requested", {"reason": "please"}),
            )
        )
        deed = self._deed(signal, dict(fields), effects=1)
        deed.payload["id"] = f"id-{deed.by}"
        if self._draw.random() < 0.3:
            return [self._told(deed, "other, at once twice", ("accepted", "repeated"), door) for door in _BOTH]
        return [self._told(deed, "other", ("accepted",))]

    def _refused(self) -> list[Telling]:
        """What can be read and makes no sense here, whatever else is said."""
        signal, fields = self._draw.choice(
            (
                ("payment-reversed", {"amount": "1.00", "reference": "never-came", "reason": "refund"}),
                ("payment-announced", {"amount": "5.00", "invoices": [], "client_number": "of-another"}),
                ("choose-at-month-end", {"choice": "cancel"}),
                ("refuse-reactivation", {"reason": "asked"}),
                ("undo-write-off", {"reason": "asked"}),
                ("agency-update", {"status": "returned"}),
                ("retry-payment", {}),
                ("promise-to-pay", {"until": "2026-01-02"}),
                ("block-access", {"reason": "unpaid"}),
            )
        )
        return [self._told(self._deed(signal, dict(fields)), "makes no sense", ("refused",))]

    def _nonsense(self) -> list[Telling]:
        """What cannot be read: the line that refuses it names no sender."""
        deed = self._deed("nonsense", {})
        payload: Any = self._draw.choice(
            (
                {"amount": "1,00", "channel": "bank_transfer", "reference": "r"},
                {"amount": "-5.00", "channel": "bank_transfer", "reference": "r"},
                {"amount": "1.00", "channel": "barter", "reference": "r"},
                {"amount": "1.00", "channel": "bank_transfer"},
                {"amount": "1.00", "channel": "bank_transfer", "reference": "r", "colour": "green"},
            )
        )
        if self._draw.random() < 0.4:
            return [Telling(deed, self._draw.choice(_BOTH), "nonsense", ("refused",), payload, "payment-received")]
        name, payloads = self._draw.choice(
            (
                ("payment-received", ()),
                ("payment-received", (payload, payload)),
                ("payment-received", ([1, 2],)),
                ("payment-received", (b"\xff not JSON",)),
                ("hold-dunning", ("x" * 9_000,)),
                (self._draw.choice(UNKNOWN), (payload,)),
            )
        )
        return [Telling(deed, "raw", "nonsense", ("refused",), payloads, name)]

    # What depends on the order -------------------------------------------------------------------------------------

    def _ordered(self) -> list[Telling]:
        """A hold, a release, a block or its end, a promise: told one after another, and foretold."""
        match self._draw.choice(("hold", "block", "promise")):
            case "hold":
                deed = self._deed(self._draw.choice(HOLDS), {"reason": "asked"})
            case "block":
                signal = self._draw.choice(("block-access", "unblock-access"))
                deed = self._deed(signal, {"reason": self._draw.choice(REASONS)})
            case _:
                deed = self._deed("promise-to-pay", {"until": f"2026-02-{self._draw.randint(10, 28)}"})
        deed.payload["id"] = f"id-{deed.by}"
        self._known["ordered"].append(deed)
        return [self._told(deed, "in order", (self._happens(deed),))]

    def _ordered_again(self) -> list[Telling]:
        """One that was taken in has no second effect; one that was refused is judged anew."""
        deed = self._earlier("ordered")
        if deed is None:
            return self._ordered()
        if not deed.effects:
            return [self._told(deed, "in order, again", (self._happens(deed),))]
        return [self._told(deed, "in order, again", ("repeated", "refused"))]

    def _happens(self, deed: Deed) -> Outcome:
        """What must come of it now; changes what is held and blocked."""
        reason = str(deed.payload.get("reason"))
        match deed.signal:
            case "hold-dunning" | "release-dunning":
                wanted = deed.signal == "hold-dunning"
                sense, self._held = self._held != wanted, wanted
            case "block-access":
                sense = reason not in self._blocked
                self._blocked.add(reason)
            case "unblock-access":
                sense = reason in self._blocked
                self._blocked.discard(reason)
            case _:
                sense = True
        deed.effects += sense
        return "accepted" if sense else "refused"

    # ---------------------------------------------------------------------------------------------------------------

    def _deed(self, signal: str, payload: dict[str, Any], **more: Any) -> Deed:
        by = f"d{len(self.script.deeds):05d}"
        deed = Deed(by, signal, {"by": by} | payload, burst=len(self.script.bursts), **more)
        self.script.deeds.append(deed)
        return deed

    def _earlier(self, kind: str) -> Deed | None:
        """One that was told in a burst before this one; near or far."""
        found = [deed for deed in self._known[kind] if deed.burst < len(self.script.bursts)]
        if not found:
            return None
        return self._draw.choice(found if self._draw.random() < 0.5 else found[-10:])

    def _told(
        self, deed: Deed, kind: str, may: tuple[Outcome, ...], door: Door | None = None, payload: Any = None
    ) -> Telling:
        by: Door = self._draw.choice(_BOTH) if door is None else door
        return Telling(deed, by, kind, may, deed.payload if payload is None else payload, deed.signal)


_BOTH: tuple[Door, Door] = ("signal", "update")


def _decimal(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"
