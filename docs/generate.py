"""The tables of docs/, made from the code they describe: the policy language and the messages.

python -m docs.generate            write the tables between their marks
python -m docs.generate --check    exit 1 where a table is not what the code says
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from domain.messages import DESCRIPTIONS, REQUIRED
from domain.policy import Standing
from policies import model
from workflows.attributes import REGISTERED

HERE = Path(__file__).parent
MARK = "<!-- generated: {} -->"
END = "<!-- end -->"

MEANINGS: dict[tuple[type[BaseModel], str], str] = {
    (model.PolicyFile, "policy"): "its name; subscriptions name it",
    (model.PolicyFile, "version"): "counts up; a running subscription keeps the version it began with",
    (model.PolicyFile, "title"): "for people; not part of the digest",
    (model.PolicyFile, "bill"): "when an invoice is made, and when it is due",
    (model.PolicyFile, "charge"): "the order in which methods are tried in a round",
    (model.PolicyFile, "grace_days"): "what a customer always has before a month end is judged, and after a reversal",
    (model.PolicyFile, "when_declined"): "mails for each invoice's first failed round",
    (model.PolicyFile, "when_no_method_can_be_charged"): "the same, where nothing could be tried",
    (model.PolicyFile, "channels"): "which failures leave bank transfer as the only channel",
    (
        model.PolicyFile,
        "keep_trying",
    ): "further attempt rounds on a fixed schedule; without it there are none",
    (model.PolicyFile, "ladder"): "the rungs, in the order in which they apply at one instant",
    (model.PolicyFile, "when_paid"): "what a settled debt gives back to someone who was locked",
    (model.PolicyFile, "when_reversed"): "what follows a re-opened debt",
    (model.PolicyFile, "access"): "what blocks access, and what undoes each command",
    (model.PolicyFile, "when_cancelled"): "how a plan ends, whoever ends it",
    (model.PolicyFile, "announcement_days"): "how long an announced transfer keeps harsh rungs back",
    (model.PolicyFile, "uncollectable"): "what the agency's `uncollectable` does to the debt",
    (model.Bill, "every"): "the billing period",
    (model.Bill, "due_after_days"): "from issue to due; 0 is prepaid",
    (model.Bill, "invoice_email"): "sent with every invoice that is not zero",
    (model.Bill, "receipt_email"): "sent for every charge that succeeds",
    (model.Channels, "card_failures"): "so many failed card charges in a row; 0: never",
    (model.Channels, "paypal_failures"): "1: one failed PayPal charge; 0: never",
    (model.Channels, "bank_transfer_only_at"): "standings that close the other channels",
    (model.KeepTrying, "at_first_month_end"): "the platform's choice; support may choose otherwise for one episode",
    (model.KeepTrying, "every_days"): "counted from the first miss of the episode, whose own round is the first",
    (model.KeepTrying, "for_months"): "calendar months after the first miss, exclusive",
    (model.When, "days_before_due"): "for each invoice that is not due yet",
    (model.When, "unpaid_invoices"): "so many invoices are past due",
    (model.When, "days_after_cancellation"): "after the plan was cancelled, not after the day as of which",
    (model.If, "new_customer"): "no invoice has been paid in full by money",
    (model.If, "standing_below"): "the standing is milder than this one",
    (model.If, "tag"): "the subscription was started with this tag",
    (model.If, "balance_above"): "the past-due balance, in minor units",
    (model.If, "usable_method"): "a method on file can be charged now",
    (model.Then, "standing"): "make the standing worse; a rung never makes it better",
    (model.Then, "platform"): "send commands to the platform, in this order",
    (model.Then, "email"): "send mails to the customer",
    (model.Then, "cancel"): "end the plan as of a day, and void what begins after it",
    (model.Then, "terminate"): "delinquency: cancel as of the last month received, void what is open, owe a share",
    (model.Then, "collections"): "hand everything open to the agency, due or not",
    (model.Then, "charge"): "an attempt round",
    (model.Then, "void"): "void every open invoice; what had been paid of them becomes credit",
    (
        model.Then,
        "late_fee",
    ): "a fee, due at once: an amount, a percentage of what is past due, or both",
    (model.Then, "write_off_up_to"): "write everything open off where it is at most so many minor units",
    (model.Rung, "rung"): "its name, unique in the policy",
    (model.Rung, "when"): "the trigger",
    (model.Rung, "if_"): "conditions; without any, the rung always applies",
    (model.Rung, "then"): "effects, in this order",
    (model.WhenPaid, "unlock"): "at once; ask support; or ask only above `review_above`",
    (model.WhenPaid, "review_above"): "limits for `review_if`",
    (model.WhenPaid, "refused_email"): "sent when support refuses",
    (model.WhenPaid, "decide"): "a deadline for support, in office hours, with an escalation and a default",
    (model.WhenReversed, "email"): "sent when a debt is owed again: a reversed payment, a write-off undone",
    (model.Access, "block"): "commands that a named block sends",
    (model.Access, "undo"): "each command's counterpart; one without it cannot be undone",
    (model.WhenCancelled, "platform"): "commands of every cancellation",
    (model.WhenCancelled, "by_customer_also"): "further commands where the customer cancels",
    (model.WhenCancelled, "email"): "sent unless support's refusal was the cause",
    (model.WhenCancelled, "supersedes_locks"): "locks for debt are forgotten instead of undone",
    (model.WhenCancelled, "final_invoice"): "bill a period cut short for its days (arrears only)",
    (model.WhenCancelled, "period_end_means"): "what `cancel` at `period_end` waits for",
}
"""What a field means where the model itself does not say."""


NAMED: dict[Any, str] = {model.Template: "template", Standing: "standing"}
"""Long choices that have a paragraph of their own."""

TABLED: tuple[type[BaseModel], ...] = (
    model.Bill,
    model.Channels,
    model.KeepTrying,
    model.Rung,
    model.When,
    model.If,
    model.Then,
    model.WhenPaid,
    model.WhenReversed,
    model.Access,
    model.WhenCancelled,
)
"""Objects that have a table of their own; of others the keys are listed where they stand."""


def meaning(owner: type[BaseModel], name: str, field: FieldInfo) -> str:
    """One field's meaning. Raises KeyError where nobody has written it down."""
    return field.description or MEANINGS[owner, name]


def kind(hint: Any, limits: Iterable[Any] = ()) -> str:
    """A type as a person who writes YAML would say it."""
    origin = get_origin(hint)
    if hint == model.LocalTime:  # equal, not the same: Python keeps only so many of such types
        return "quoted local time"
    if hint in NAMED:
        return NAMED[hint]
    if origin is Annotated:
        inner, *more = get_args(hint)
        return kind(inner, (*_flat(more), *limits))
    if origin in (Union, types.UnionType):
        return " or ".join(kind(part, limits) for part in get_args(hint) if part is not types.NoneType)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    if origin is list:
        inner = kind(get_args(hint)[0])
        return f"{inner}, one or more" if inner in ("name", "template") else f"list: {inner}"
    if origin is dict:
        return "command: counterpart"
    if hint is bool:
        return "true or false"
    if hint is int:
        return _range(limits)
    if hint is str:
        return "name" if any(getattr(limit, "pattern", None) for limit in limits) else "text"
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        if hint in TABLED:
            return "see below"
        return "object: " + ", ".join(f"`{field.alias or name}`" for name, field in hint.model_fields.items())
    return getattr(hint, "__name__", str(hint))


def _flat(limits: Iterable[Any]) -> list[Any]:
    return [one for limit in limits for one in (limit.metadata if isinstance(limit, FieldInfo) else [limit])]


def _range(limits: Iterable[Any]) -> str:
    least = next((limit.ge for limit in limits if isinstance(limit, Ge)), None)
    most = next((limit.le for limit in limits if isinstance(limit, Le)), None)
    below = next((limit.lt for limit in limits if isinstance(limit, Lt)), None)
    if below is not None:
        return "whole number, minor units"
    return "whole number" if least is None else f"{least} to {most}"


def default(field: FieldInfo) -> str:
    """A field's default, or that it must be said."""
    value = field.default
    if field.is_required() or value is PydanticUndefined:
        return "required"
    if value is None or value in ([], ()) or isinstance(value, BaseModel):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def fields(owner: type[BaseModel]) -> str:
    """The table of a model whose keys stand beside each other."""
    rows = []
    for name, field in owner.model_fields.items():
        said = (f"`{field.alias or name}`", _listed(field), default(field), meaning(owner, name, field))
        rows.append(f"| {' | '.join(said)} |")
    return "\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *rows])


def choices(owner: type[BaseModel], *first: str) -> str:
    """The table of a model of which one key (or any) is chosen, so that defaults say nothing."""
    rows = [
        f"| `{name}` | {_listed(field)} | {meaning(owner, name, field)} |" for name, field in owner.model_fields.items()
    ]
    return "\n".join(["| word | value | meaning |", "|---|---|---|", *first, *rows])


def _listed(field: FieldInfo) -> str:
    return kind(Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation)


def triggers() -> str:
    """Triggers."""
    return choices(
        model.When, "| `end_of_month` | | the month of the missed date is over, and the grace days have passed |"
    )


def templates() -> str:
    """E-mail templates, as one line."""
    return ", ".join(f"`{name}`" for name in get_args(model.Template))


def standings() -> str:
    """Standings, as one line."""
    return ", ".join(f"`{name}`" for name in get_args(Standing))


def messages() -> str:
    """Every message, its fields and what it does."""
    rows = []
    for signal, readers in REQUIRED.items():
        listed = [_value(name, reader) for name, reader in readers.items()]
        if signal == "payment-received":
            listed.append("`invoice` text, optional")
        rows.append(f"| `{signal}` | {'; '.join(listed)} | {DESCRIPTIONS[signal].partition(' {')[0]} |")
    return "\n".join(["| message | fields | what it says |", "|---|---|---|", *rows])


def _value(name: str, reader: Callable[..., Any]) -> str:
    closure = dict(zip(reader.__code__.co_freevars, reader.__closure__ or (), strict=True))
    if "allowed" in closure:
        return f"`{name}` ({', '.join(closure['allowed'].cell_contents)})"
    said = {"_amount": "decimal text", "_text": "text", "_texts": "list of texts", "_date": "local date"}
    return f"`{name}` {said[reader.__name__]}"


def attributes() -> str:
    """Search attributes with their types."""
    return "\n".join(["| attribute | type |", "|---|---|", *(f"| `{n}` | {k} |" for n, k in REGISTERED.items())])


TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "top-level keys": ("policies.md", lambda: fields(model.PolicyFile)),
    "bill": ("policies.md", lambda: fields(model.Bill)),
    "channels": ("policies.md", lambda: fields(model.Channels)),
    "keep trying": ("policies.md", lambda: fields(model.KeepTrying)),
    "rung": ("policies.md", lambda: fields(model.Rung)),
    "triggers": ("policies.md", triggers),
    "conditions": ("policies.md", lambda: choices(model.If)),
    "effects": ("policies.md", lambda: choices(model.Then)),
    "when paid": ("policies.md", lambda: fields(model.WhenPaid)),
    "when reversed": ("policies.md", lambda: fields(model.WhenReversed)),
    "access": ("policies.md", lambda: fields(model.Access)),
    "when cancelled": ("policies.md", lambda: fields(model.WhenCancelled)),
    "templates": ("policies.md", templates),
    "standings": ("policies.md", standings),
    "messages": ("messages.md", messages),
    "search attributes": ("operators.md", attributes),
}


def renewed(text: str, name: str, table: str) -> str:
    """The page with one table replaced. Raises ValueError where its marks are missing."""
    begin = MARK.format(name)
    pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"marks {begin} ... {END}: missing")
    return pattern.sub(lambda _: f"{begin}\n{table}\n{END}", text)


def stale(*, write: bool) -> list[str]:
    """The names of the tables that are not what the code says; written anew where asked to."""
    found = []
    for name, (page, make) in TABLES.items():
        path = HERE / page
        text = path.read_text(encoding="utf-8")
        fresh = renewed(text, name, make())
        if fresh != text:
            found.append(f"{page}: {name}")
            if write:
                path.write_text(fresh, encoding="utf-8")
    return found


def main(arguments: list[str]) -> int:
    """Write or check the tables; gives the exit status."""
    check = arguments == ["--check"]
    found = stale(write=not check)
    for name in found:
        sys.stdout.write(f"{name}: {'stale: run python -m docs.generate' if check else 'written'}\n")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
