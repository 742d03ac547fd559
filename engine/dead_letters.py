"""Replaying a dead letter: it is decided, sent at once by whoever decided it, and its outcome is told.

No workflow is asked to: one that has ended is gone, and a message that only means "deliver again" would be kept for
ever in the audit trail of a life that it changes nothing of. A replay is one try. What is not acknowledged by it is the
dead letter again that it was, so that nothing is left pending for which nobody comes.
"""

from __future__ import annotations

from activities.delivery import ORDER, PATIENT_SECONDS, Deliveries
from adapters.postgres.dead_letters import DeadLetters, Outcome


async def replay(dead_letters: DeadLetters, deliveries: Deliveries, key: str, *, by: str, reason: str) -> Outcome:
    """Send a dead letter again, after what its party waits for anyway; gives what became of it.

    Raises UnknownDeadLetter and ReplayRefused of adapters.postgres.dead_letters, and ValueError for an empty name or
    reason; nobody was told anything then.
    """
    letter = await dead_letters.replay(key, by=by, reason=reason)
    party = next(party for party in ORDER if party == letter.party)
    try:
        # A mail's hour had come when it was refused; others that wait for theirs go on waiting.
        left = await deliveries.deliver(
            letter.subscription_id, (party,), seconds=PATIENT_SECONDS, now=letter.not_before
        )
    finally:
        outcome = await dead_letters.settle(key, by=by, reason=reason)
    if outcome.state == "failed" and party in left:
        return Outcome("failed", left[party])  # it may have been another one, before it in the line, that failed
    return outcome
