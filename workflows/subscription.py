"""One subscription as one durable workflow: wait, decide, have it done, remember, continue as new.

The main loop is the only place that changes the state. Handlers put messages into the inbox; messages are taken in
before any deadline is acted on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.workflow import ContinueAsNewVersioningBehavior

with workflow.unsafe.imports_passed_through():
    # They hold no state but in their instances, and a copy of its own for each would cost every cached workflow.
    import workflows.perform as perform
    from domain import effects, messages, moving, support
    from domain.agenda import Item, agenda, due_on_text, next_item
    from domain.decide import decide
    from domain.effects import Batch, Decision, Effect, Entry, Question
    from domain.errands import (
        ChargeRequest,
        FactsRequest,
        LookUpRequest,
        MessageRequest,
        PaymentRequest,
    )
    from domain.events import (
        ChargeAnswered,
        ChargeLookedUp,
        DeadlinePassed,
        Event,
        FactsRead,
        MessageLookedUp,
        MessageReceived,
        PaymentLookedUp,
    )
    from domain.fitness import fit
    from domain.forecast import forecast
    from domain.messages import Refused
    from domain.money import decimal_text
    from domain.moving import Move
    from domain.page import page
    from domain.published import PolicyMissing, any_version, published
    from domain.quoting import legible
    from domain.run import ASK_AGAIN, NOT_TAKEN_IN, Answer, Futures, Heard, Run, Seen, Told
    from domain.subscription import Subscription
    from domain.timeline import local_text
    from workflows.attributes import attributes
    from workflows.couriers import Couriers
    from workflows.doors import taken, with_doors
    from workflows.fullness import Fullness, can_travel

ENTRIES_KEPT = 40  # of this period, for the `timeline` query; the whole is in the audit trail
DELIVERY_PATIENCE = timedelta(minutes=10)  # how long continue-as-new waits for parties; then the next run goes on


@workflow.defn(name="subscription")
@with_doors
class SubscriptionWorkflow:
    """The life of one subscription, from its first billing date to the last cent of debt."""

    @workflow.init
    def __init__(self, run: Run) -> None:
        fit(run, workflow.info().workflow_id)
        self.state = run.state
        self.policy = published(run.state.policy)
        self.offset = timedelta(seconds=run.offset_seconds)
        self.turns = run.turns
        self.inbox: list[tuple[Heard, list[Answer | None] | None]] = [(heard, None) for heard in run.inbox]
        self.unwritten: list[Effect] = []
        self.moves: list[tuple[Move, list[Answer]]] = []
        self.recent: list[Entry] = []
        self.couriers = Couriers(self.state.id, self.state.timezone, clock=self._now, changed=self._show_page)
        self.busy = True
        self.priority = perform.ROUTINE
        self.billed = False
        self.held = workflow.info().is_target_worker_deployment_version_changed()
        self.leaving = False
        self.fullness = Fullness()
        self.shown = attributes(self.state, next_item(self.state, self.policy))

    @workflow.run
    async def run(self, run: Run) -> str:
        """Live until nothing is owed, placed or pending; gives the last standing."""
        self.couriers.send(run.undelivered)
        self._show()
        while True:
            upcoming = await self._work()
            if self.state.standing == "ended" and await self._at_rest():
                self._show()
                return self.state.standing
            if self._should_continue() or self._must_leave():
                if await self._at_rest(DELIVERY_PATIENCE):
                    self._continue_as_new()
                if self._must_leave():
                    await self._send_away()
                    self._continue_as_new()
                continue
            await self._wait(upcoming)

    async def _work(self) -> Item | None:
        """Take in every message, then act on every deadline that has come; gives the next one.

        Leaves messages in the inbox where the run must end first.
        """
        self.busy = True
        while True:
            if self.inbox and self._must_leave():
                return next_item(self.state, self.policy)
            if self.moves or self.inbox:
                self.priority = perform.WAITED_FOR  # and so is all that follows from it, until there is rest again
            if self.moves:
                await self._move(*self.moves.pop(0))
                continue
            if self.inbox:
                heard, answers = self.inbox.pop(0)
                at = datetime.fromisoformat(heard.at)
                happened = await self._turn(MessageReceived(heard.signal, heard.payloads, at), heard.signal)
                if answers is not None:
                    answers.append(self._answer(happened))
                continue
            upcoming = next_item(self.state, self.policy)
            if upcoming is None or not self._overdue():
                self.busy = False
                self.priority = perform.ROUTINE
                self._show()
                return upcoming
            bills = upcoming.kind == "invoice"
            await self._turn(DeadlinePassed(self._now()), due_on_text(upcoming, self.state), more_follows=bills)
            self.billed = self.billed or bills

    async def _move(self, said: Move, answers: list[Answer]) -> None:
        """Take up another policy between two turns."""
        to = any_version(said.name, said.version)
        if moving.refusal(self.state, to) is None:
            decision = moving.move(self.state, to, said, self._now())
            self.state, self.policy = decision.subscription, to
            waiting, self.unwritten = [*self.unwritten, *decision.effects], []
            carried = await perform.carry_out(
                self._batch(waiting), f"move to {to.name} version {to.version}", self.priority
            )
            self.couriers.send(carried.undelivered)
            happened = [e for e in decision.effects if isinstance(e, Entry)]
            self.recent = (self.recent + happened)[-ENTRIES_KEPT:]
            answers.append(self._answer(happened))
        else:
            answers.append(replace(self._answer([]), accepted=False))

    async def _turn(self, event: Event, summary: str, *, more_follows: bool = False) -> list[Entry]:
        """One event and all that its questions lead to; what it wants recorded is written before the turn ends.

        Where `more_follows` and something is due already, it is written with that: an invoice with its charge, which
        makes a healthy month one activity. Nothing is awaited in between.
        """
        waiting, self.unwritten = self.unwritten, []
        told: list[Entry] = []
        decision: Decision | None = decide(self.state, event, self.policy)
        while decision is not None:
            self.state = decision.subscription
            waiting += decision.effects
            told += [e for e in decision.effects if isinstance(e, Entry)]
            if decision.question is None:
                break
            decision = await self._ask(decision.question, waiting, summary)
        if waiting and more_follows and self._overdue():
            self.unwritten = waiting
        elif waiting:
            carried = await perform.carry_out(self._batch(waiting), f"record: {summary}", self.priority)
            self.couriers.send(carried.undelivered)
        self.recent = (self.recent + told)[-ENTRIES_KEPT:]
        return told

    async def _ask(self, question: Question, waiting: list[Effect], summary: str) -> Decision | None:
        """Put a question; everything waiting is recorded with it, before the world is asked. Gives what follows."""
        id_, zone = self.state.id, self.state.timezone
        if isinstance(question, effects.Charge):
            return await self._charge(question, waiting)
        batch = self._batch(waiting) if waiting else None
        waiting.clear()
        event: Event
        match question:
            case effects.LookUpCharge():
                request = LookUpRequest(id_, zone, batch, question)
                outcome = await perform.look_up_charge(request, f"look up charge {question.charge_key}", self.priority)
                self.couriers.send(outcome.undelivered)
                event = ChargeLookedUp(outcome.outcome, outcome.reason, self._now())
            case effects.ReadFacts():
                facts = await perform.read_facts(
                    FactsRequest(id_, batch, question), f"before {summary}: usage, money", self.priority
                )
                self.couriers.send(facts.undelivered)
                event = FactsRead(facts.used, facts.evidence, self._now())
            case effects.LookUpPayment(reference):
                found = await perform.look_up_payment(
                    PaymentRequest(id_, batch, reference), f"look up payment {reference}", self.priority
                )
                event = PaymentLookedUp(found, self._now())
            case effects.LookUpMessage(digests):
                known = await perform.look_up_message(
                    MessageRequest(id_, batch, digests), "seen before?", self.priority
                )
                event = MessageLookedUp(known, self._now())
        return decide(self.state, event, self.policy)

    async def _charge(self, question: effects.Charge, waiting: list[Effect]) -> Decision:
        """Charge, and let the activity record what an approval leads to, so that a healthy month is one activity."""
        batch = self._batch(waiting) if waiting else None
        waiting.clear()
        approved = decide(self.state, ChargeAnswered("approved", None, self._now()), self.policy)
        if_approved = None
        if approved.question is None:
            if_approved = self._batch(approved.effects, approved.subscription, "/approved")
        amount = f"{decimal_text(question.minor, question.currency)} {question.currency}"
        outcome = await perform.charge(
            ChargeRequest(self.state.id, self.state.timezone, batch, question, if_approved),
            f"charge {question.invoice}, {question.role}: {amount}",
            self.priority,
        )
        self.couriers.send(outcome.undelivered)
        if outcome.outcome != "approved":
            return decide(self.state, ChargeAnswered(outcome.outcome, outcome.reason, self._now()), self.policy)
        if if_approved is None:
            return approved
        self.recent = (self.recent + [e for e in approved.effects if isinstance(e, Entry)])[-ENTRIES_KEPT:]
        return Decision(approved.subscription, (), None, approved.wake_at)

    def _batch(self, waiting: Sequence[Effect], state: Subscription | None = None, suffix: str = "") -> Batch:
        """What is waiting, under the next key; `state` is the one it leads to, if that is not the present one."""
        self.turns += 1
        after = state or self.state
        upcoming = None if after.asked_for else next_item(after, self.policy)
        view = effects.view_of(after, upcoming.at if upcoming else None, upcoming.what if upcoming else "")
        return Batch(f"{after.id}/{self.turns:06d}{suffix}", view, effects.condensed(waiting))

    async def _at_rest(self, patience: timedelta | None = None) -> bool:
        """Wait until handlers have answered and deliveries are done, at most `patience`.

        False as soon as a message has come, which is worked on first. After the patience, deliveries that are still
        pending are given up here; the next run goes on with them, and with mails that wait for their hour. Without a
        next run (no `patience`) these are waited for, too.
        """

        def quiet() -> bool:
            left = self.couriers.under_way() if patience else self.couriers.undelivered()
            return bool(self.inbox or self.moves) or (workflow.all_handlers_finished() and not left)

        if not quiet():
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(quiet, timeout=patience, timeout_summary="parties that do not answer")
        return not self.inbox and not self.moves and workflow.all_handlers_finished()

    def _should_continue(self) -> bool:
        """Once a billing period, when its round is over; whenever server or operator ask for it; and for a new release.

        A run that began beside its deployment's target is held there by an operator; it would begin there again.
        """
        info = workflow.info()
        released = info.is_target_worker_deployment_version_changed() and not self.held
        asked = self.leaving or info.is_continue_as_new_suggested()
        return self.state.round is None and (self.billed or asked or released)

    def _must_leave(self) -> bool:
        """Whether the run is so long that the inbox travels along instead of being emptied first."""
        between = self.state.round is None and not self.unwritten and not self.moves
        return between and self.fullness.overdrawn() and can_travel(heard for heard, _ in self.inbox)

    async def _send_away(self) -> None:
        """Tell those whose update still waits to ask again: an update cannot travel to the next run."""
        for _, answers in self.inbox:
            if answers is not None:
                answers.append(None)
        self.inbox = [(heard, answers) for heard, answers in self.inbox if answers is None]
        await workflow.wait_condition(workflow.all_handlers_finished)

    def _continue_as_new(self) -> None:
        """Everything that is pending travels along: the inbox, and the parties not yet reached."""
        inbox = tuple(heard for heard, _ in self.inbox)
        run = Run(self.state, self.offset.total_seconds(), self.turns, inbox, self.couriers.still_to_reach())
        versioned = workflow.info().get_current_deployment_version() is not None
        workflow.continue_as_new(
            args=[run],
            search_attributes=attributes(self.state, next_item(self.state, self.policy)),
            initial_versioning_behavior=ContinueAsNewVersioningBehavior.AUTO_UPGRADE if versioned else None,
        )

    async def _wait(self, upcoming: Item | None) -> None:
        """Sleep until the next deadline or a message. The timer says what it waits for."""
        if upcoming is None:
            await workflow.wait_condition(self._called)
            return
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                self._called,
                timeout=max(upcoming.at - self._now(), timedelta(milliseconds=1)),
                timeout_summary=due_on_text(upcoming, self.state),
            )

    def _called(self) -> bool:
        """Whether there is something to do before the next deadline."""
        return bool(self.inbox or self.moves) or self.leaving

    def _show(self) -> None:
        """Bring page and search attributes up to date; an upsert only where operators would see a difference."""
        self._show_page()
        now = attributes(self.state, next_item(self.state, self.policy))
        if now != self.shown and not self.billed:
            changed = [pair for pair in now.search_attributes if pair not in self.shown.search_attributes]
            kept = {pair.key.name for pair in now.search_attributes}
            gone = [pair.key for pair in self.shown.search_attributes if pair.key.name not in kept]
            workflow.upsert_search_attributes(
                [*(pair.key.value_set(pair.value) for pair in changed), *(key.value_unset() for key in gone)]
            )
            self.shown = now

    def _show_page(self) -> None:
        steps = agenda(self.state, self.policy)
        workflow.set_current_details(page(self.state, steps, self.recent, self.couriers.still_to_reach()))

    def _overdue(self) -> bool:
        """Whether a deadline has come that is still to be acted on."""
        upcoming = next_item(self.state, self.policy)
        return upcoming is not None and upcoming.at <= self._now() and self.state.standing != "ended"

    def _occupied(self) -> bool:
        """Whether anything is being worked on, or waits for it: the state is not yet what it will be."""
        return self.busy or bool(self.inbox or self.moves) or self._overdue()

    def _now(self) -> datetime:
        """Business time."""
        return workflow.now().astimezone(UTC) + self.offset

    def _answer(self, happened: list[Entry]) -> Answer:
        state = self.state
        accepted = not any(entry.what in ("refused", "repeated") for entry in happened)
        return Answer(
            accepted,
            state.standing,
            decimal_text(state.balance_minor, state.currency),
            [self._told(entry) for entry in happened],
        )

    def _told(self, entry: Entry) -> Told:
        return Told.of(entry, local_text(entry.at, self.state.timezone))

    def take_in(self, signal: str, payloads: tuple[object, ...]) -> None:
        """A signal's door: whatever came is put into the inbox."""
        heard = Heard(legible(signal), taken(payloads), self._now().isoformat())
        self.inbox.append((heard, None))

    async def ask(self, signal: str, payloads: tuple[object, ...]) -> Answer:
        """An update's door: answered by the main loop once the message has been acted on."""
        answers: list[Answer | None] = []
        self.inbox.append((Heard(signal, taken(payloads), self._now().isoformat()), answers))
        await workflow.wait_condition(lambda: bool(answers))
        if answers[0] is None:
            raise ApplicationError(f"{signal}: {NOT_TAKEN_IN}", type=ASK_AGAIN)
        return answers[0]

    def judge(self, signal: str, payloads: tuple[object, ...]) -> None:
        """An update's validator: nonsense is refused before it enters history. Reads only.

        What makes no sense now may make sense once what came before it has been worked on; its turn tells then.
        """
        try:
            message = messages.parse(signal, taken(payloads), self.state.currency, self.state.timezone, self._now())
        except Refused as refused:
            raise ApplicationError(str(refused), type="Refused") from None
        why = None if self._occupied() else support.refusal(self.state, self.policy, message)
        known = any(digest in self.state.seen for digest in messages.digests(message))
        if why is not None and not known:
            raise ApplicationError(f"{signal}: {why}", type="Refused")

    @workflow.signal(name="continue-as-new", description="Begin the next run now, on the version that is current")
    def leave(self, *payload: object) -> None:
        """For operators who retire a version; nothing else comes of it, whatever it carries."""
        self.leaving = True

    @workflow.update(name="move-policy", description="Live under another policy or version from now on")
    async def move_policy(self, *payload: object) -> Answer:
        """Moved by the main loop, between two turns."""
        answers: list[Answer] = []
        self.moves.append((moving.read_move(taken(payload)), answers))
        await workflow.wait_condition(lambda: bool(answers))
        return answers[0]

    @move_policy.validator
    def judge_move(self, *payload: object) -> None:
        """Reads only. What is no move, a policy that this worker does not carry or that does not fit, is refused."""
        try:
            said = moving.read_move(taken(payload))
            why = moving.refusal(self.state, any_version(said.name, said.version))
        except (Refused, PolicyMissing) as missing:
            why = str(missing)
        if why is not None:
            raise ApplicationError(f"move-policy: {why}", type="Refused")

    @workflow.query(name="state", description="Everything the subscription knows of itself, and its business clock")
    def seen(self) -> Seen:
        """The state as it is."""
        upcoming = next_item(self.state, self.policy)
        return Seen(
            self.state,
            self._now().isoformat(),
            self.offset.total_seconds(),
            local_text(upcoming.at, self.state.timezone) if upcoming else None,
            upcoming.what if upcoming else "",
            self._occupied(),
            self.couriers.undelivered(),
        )

    @workflow.query(
        name="timeline", description="What happened in this period, and why; the whole is in the audit trail"
    )
    def timeline(self) -> list[Told]:
        """The newest entries of this period."""
        return [self._told(entry) for entry in self.recent]

    @workflow.query(name="forecast", description="What happens next and when: if nothing is paid, and if everything is")
    def forecast(self) -> Futures:
        """Two futures from the present state."""
        futures = forecast(self.state, self.policy, self._now())
        return Futures(
            [self._told(entry) for entry in futures.if_nothing_is_paid],
            [self._told(entry) for entry in futures.if_everything_is],
        )
