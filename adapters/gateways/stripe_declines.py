"""Why Stripe declined, in our own reasons; what each means for the next attempt is said in domain/declines.py.

Our reasons are Stripe's decline codes (https://docs.stripe.com/declines/codes); what its advice codes say on top
(https://docs.stripe.com/declines/card#retrying-issuer-declines) is folded into the reason, because a reason is all that
the rest of the program sees.
"""

from __future__ import annotations

import re

from domain.declines import KINDS, kind_of

NO_METHOD = "no_such_payment_method"  # ours: nothing is vaulted, or Stripe no longer has it
UNSAID = "generic_decline"

_WORD = re.compile(r"[a-z][a-z_]{2,59}")


def reason_of(code: str | None, decline_code: str | None = None, advice_code: str | None = None) -> str:
    """Our reason for what a card error, or a PaymentIntent's `last_payment_error`, says.

    The advice `do_not_try_again` always ends as a hard reason; `confirm_card_data` and `try_again_later` sharpen
    reasons that say nothing by themselves. A code that is new at Stripe is passed on as it is: support reads it.
    """
    said = _named(decline_code) or _documented(code) or UNSAID
    kind = kind_of(said)
    match advice_code:
        case "do_not_try_again" if kind != "hard":
            return "do_not_try_again"
        case "confirm_card_data" if kind == "soft":
            return "confirm_card_data"
        case "try_again_later" if said in (UNSAID, "do_not_honor", "no_action_taken"):
            return "try_again_later"
    return said


def _named(decline_code: str | None) -> str | None:
    """The decline code, where it is a word; anything else would put a stranger's text into the books."""
    return decline_code if decline_code is not None and _WORD.fullmatch(decline_code) else None


def _documented(code: str | None) -> str | None:
    """Error codes such as `expired_card` say what the decline code would; `card_declined` says nothing."""
    return code if code in KINDS else None
