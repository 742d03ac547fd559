"""Read a policy file: refuse what cannot be meant, with the file, the line, the value found and what was expected."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from domain import policy as say
from domain.quoting import quoted
from policies import model, source
from policies.source import InvalidPolicy as InvalidPolicy

HERE = Path(__file__).parent
SIZE_LIMIT = 200_000  # bytes; the shipped ones have 4,000

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def shipped() -> tuple[str, ...]:
    """The names of the policies in this folder."""
    return tuple(sorted(path.stem for path in HERE.glob("*.yaml")))


def load(name: str, beside: Path | None = None) -> say.Policy:
    """The policy of that name in `policies/`, or of that path (relative to the folder `beside`).

    Raises InvalidPolicy. The same text gives the same policy and the same digest on every machine.
    """
    known = HERE / f"{name}.yaml"
    if "/" not in name and not name.endswith((".yaml", ".yml")):
        if name not in shipped():
            raise InvalidPolicy(
                f"policy {quoted(name)}: unknown; expected one of {', '.join(shipped())}, or a path to a file"
            )
        return load_file(known)
    path = Path(name) if beside is None else beside / name
    return load_file(path)


def load_file(path: Path) -> say.Policy:
    """The policy in a YAML file. Raises InvalidPolicy."""
    try:
        with path.open("rb") as file:
            text = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise InvalidPolicy(f"{path}: cannot be read: {error.strerror}; expected a policy file") from None
    except ValueError:  # a path with a zero byte
        raise InvalidPolicy(f"{quoted(str(path))}: cannot be read; expected the path of a policy file") from None
    if len(text) > SIZE_LIMIT:
        raise InvalidPolicy(f"{path}:1: more than {SIZE_LIMIT} bytes; expected at most {SIZE_LIMIT}")
    return _parsed(str(path), text)


@lru_cache(maxsize=64)
def _parsed(path: str, text: bytes) -> say.Policy:
    node, plain = source.read(path, text)
    try:
        said = model.PolicyFile.model_validate(plain)
    except ValidationError as error:
        raise InvalidPolicy(source.faults(path, node, error)) from None
    return _policy(said, _digest(plain))


def _digest(plain: dict[str, Any]) -> str:
    """SHA-256 of what the file says: not of its comments, its layout or its title, and not of what the model adds.

    A language that grows keeps the digest of every text written before. The order of `undo` is kept, because commands
    are undone in it.
    """
    said = {key: value for key, value in plain.items() if key != "title"}
    said["access"] = {**said["access"], "undo": list(said["access"]["undo"].items())}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _mail_hours(said: model.MailHours) -> say.MailHours:
    quiet = said.quiet_hours
    return say.MailHours(
        weekdays=tuple(sorted({WEEKDAYS.index(day) for day in said.days})),
        quiet_from=quiet.from_ if quiet else None,
        quiet_until=quiet.until if quiet else None,
        prompt=tuple(said.prompt),
    )


def _policy(said: model.PolicyFile, digest: str) -> say.Policy:
    bill, paid, ended = said.bill, said.when_paid, said.when_cancelled
    return say.Policy(
        name=said.policy,
        version=said.version,
        digest=digest,
        title=said.title,
        billing=say.Billing(
            in_advance=bill.in_ == "advance",
            at=bill.at,
            terms_days=bill.due_after_days,
            new_customer_terms_days=(
                bill.due_after_days if bill.new_customer_due_after_days is None else bill.new_customer_due_after_days
            ),
            charge_on_issue=bill.charge_when_issued,
            methods=tuple(said.charge),
            invoice_mail=bill.invoice_email,
            receipt_mail=bill.receipt_email,
            spread_minutes=bill.spread_minutes,
        ),
        when_declined=tuple(say.Mail(mail.email) for mail in said.when_declined),
        when_no_method=tuple(say.Mail(mail.email) for mail in said.when_no_method_can_be_charged),
        ladder=tuple(_rung(rung) for rung in said.ladder),
        settled=say.Settled(
            unlock=paid.unlock,
            limits=say.ReviewLimits(**paid.review_above.model_dump()) if paid.review_above else None,
            unlocked_mail=paid.email,
            refused_mail=paid.refused_email,
            deadline=_deadline(paid.decide) if paid.decide else None,
        ),
        reversal=say.Reversal(said.when_reversed.email, said.when_reversed.due_again),
        access=say.Access(tuple(said.access.block), tuple(said.access.undo.items())),
        ending=say.Ending(
            commands=tuple(ended.platform),
            customer_commands=tuple(ended.by_customer_also or ()),
            mail=ended.email,
            at_period_end_means=ended.period_end_means,
            final_invoice=ended.final_invoice,
            keeps_locks=not ended.supersedes_locks,
            deletes_data=ended.deletes_data,
        ),
        channels=(
            say.Channels(
                said.channels.card_failures, said.channels.paypal_failures, tuple(said.channels.bank_transfer_only_at)
            )
            if said.channels
            else None
        ),
        keep_trying=(
            say.KeepTrying(
                said.keep_trying.every_days, said.keep_trying.for_months, said.keep_trying.at_first_month_end
            )
            if said.keep_trying
            else None
        ),
        grace_days=said.grace_days,
        announcement_days=said.announcement_days,
        mail_hours=_mail_hours(said.mail_hours) if said.mail_hours else None,
        uncollectable=said.uncollectable,
        scope=said.scope,
    )


def _rung(rung: model.Rung) -> say.Rung:
    if rung.when == "end_of_month":
        trigger = say.Trigger("end_of_month")
    else:
        ((kind, number),) = rung.when.model_dump(exclude_unset=True).items()
        trigger = say.Trigger(next(known for known in get_args(say.TriggerKind) if known == kind), number)
    conditions = rung.if_.model_dump(exclude_none=True)
    return say.Rung(
        id=rung.rung,
        why=rung.why,
        when=trigger,
        conditions=tuple(say.Condition(_condition(kind), wanted) for kind, wanted in conditions.items()),
        then=tuple(effect for then in rung.then for effect in _effects(then)),
        warns=rung.warns,
        days_after_warning=rung.days_after_warning,
    )


def _condition(kind: str) -> say.ConditionKind:
    """The domain's word for a condition; two of them read better in a policy than in a rule."""
    renamed = {"at_month_end": "choice", "customer_for_days": "customer_days"}.get(kind, kind)
    found: say.ConditionKind = next(known for known in get_args(say.ConditionKind) if known == renamed)
    return found


def _effects(then: model.Then) -> list[say.RungEffect]:
    if then.standing is not None:
        return [say.SetStanding(then.standing)]
    if then.platform is not None:
        return [say.Command(command) for command in then.platform]
    if then.email is not None:
        return [say.Mail(template) for template in then.email]
    if then.cancel is not None:
        return [say.Cancel(then.cancel)]
    if then.terminate is not None:
        return [say.Terminate(then.terminate.percent_of_remaining_balance)]
    if then.late_fee is not None:
        return [say.LateFee(then.late_fee.amount, then.late_fee.percent)]
    if then.write_off_up_to is not None:
        return [say.WriteOffSmall(then.write_off_up_to)]
    if then.void is not None:
        return [say.VoidAll()]
    return [say.PlaceAll() if then.collections else say.AttemptRound()]


def _deadline(decide: model.Decide) -> say.DecisionDeadline:
    hours = say.OfficeHours(
        tuple(WEEKDAYS.index(day) for day in decide.office.days),
        decide.office.from_,
        decide.office.until,
        decide.office.timezone,
    )
    return say.DecisionDeadline(hours, decide.escalate_after_hours, decide.default_after_hours, decide.default)
