"""Whether a run's argument can be a subscription's at all: workflows can be started by hand, with anything."""

from __future__ import annotations

import math

from domain.keys import is_identifier, workflow_id
from domain.money import InvalidAmount, Money
from domain.periods import UnknownZone, zone
from domain.quoting import quoted
from domain.run import AS_IT_WAS, Run

YEARS_AHEAD = 400  # of business time before or behind the server's; scenarios are from 1950 to 2200


class Unfit(ValueError):
    """A run that no subscription can be. Its workflow task fails, and is tried again ever more rarely."""


def fit(run: Run, workflow: str) -> None:
    """Pass where the workflow of that id can live by this argument. Raises Unfit with what to do about it."""
    why = _fault(run, workflow)
    if why is not None:
        raise Unfit(
            f"workflow {quoted(workflow)} was started with what is no subscription's: {why}. {AS_IT_WAS} "
            "Delete the workflow in Temporal, and start the subscription with `starter.py start`."
        )


def _fault(run: Run, workflow: str) -> str | None:
    state = run.state
    if not is_identifier(state.id):
        return f"state.id: {quoted(state.id)}: expected letters, digits, '-', '_' or '.'"
    if workflow != workflow_id(state.id):  # it would write into the books of another one
        return f"state.id: {quoted(state.id)}: expected the one in the workflow's id, {quoted(workflow_id(state.id))}"
    if not math.isfinite(run.offset_seconds) or abs(run.offset_seconds) > YEARS_AHEAD * 365.25 * 86_400:
        return f"offset_seconds: {run.offset_seconds}: expected at most {YEARS_AHEAD} years"
    try:
        zone(state.timezone)
        price = Money(state.price_minor, state.currency)
    except (UnknownZone, InvalidAmount) as error:
        return f"state: {error}"
    if price.minor < 0 or not 0 <= state.instalments <= 120 or run.turns < 0:
        return "state.price_minor, state.instalments or turns: below zero or beyond what there is; expected 0 or more"
    for name in ("plan", "client_number", "customer_id", "locale"):
        if not getattr(state, name).isprintable():
            return f"state.{name}: {quoted(getattr(state, name))}: expected printable characters"
    return None
