"""A life, played by the real shell code under audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from domain.currencies import DECIMALS
from domain.effects import Charge, LookUpCharge, Question
from domain.events import DeadlinePassed, Event, MessageReceived
from domain.forecast import ENTRIES_LIMIT, forecast
from domain.moving import Move, move, refusal
from domain.opening import opened
from domain.periods import first_instant, local_date
from domain.policy import Policy
from domain.scenario import Said, read_scenario
from domain.simulate import Played, play, turn
from domain.world import Book, World, answer
from proof.auditor.auditor import Auditor
from proof.auditor.objections import Objection
from proof.auditor.steps import Cause, Premises, Step
from proof.simulation.gateway import Gateway
from proof.simulation.scripts import Script, instant, policy_of
from proof.simulation.showing import Showing, entry_as_thing

A_MOMENT = timedelta(microseconds=1)
AFTER_AN_OUTAGE = 2_000  # turns; a year of daily look-ups and every rung of a ladder are 400
HORIZON = timedelta(days=120)  # of a forecast that is compared: a ladder's whole length, at a third of the price


Shell = Callable[..., Played]
"""How a life is played: `domain.simulate.play`, or a test's doctored one."""


class Life:
    """One life, from its script; `counts` says what it consisted of, `objection` what the auditor found.

    `policy` and `shell` stand in for the script's policy and `domain.simulate.play`, so that a test can plant a defect:
    the auditor goes on reading the policy's own text.
    """

    def __init__(self, script: Script, *, policy: Policy | None = None, shell: Shell = play) -> None:
        self.script = script
        self.scenario = read_scenario({**script.scenario, "messages": []})
        published, text = policy_of(script.scenario["policy"])
        self.policy = policy or published
        self._shell = shell
        extras, terms = script.extras, self.scenario.terms
        self.timezone = terms.customer.timezone
        evidence = tuple((instant(a), instant(b)) for a, b in extras.get("evidence", ()))
        self.world = World(self.scenario.world.gateway, self.scenario.world.usage, evidence)
        silences = tuple((instant(a), instant(b), kind) for a, b, kind in extras.get("silent", ()))
        self.gateway = Gateway(self.world, self.timezone, silences)
        self.down = [(instant(a), instant(b)) for a, b in extras.get("down", ())]
        self.marks: list[tuple[datetime, str, str]] = sorted(
            [(instant(at), "move", name) for at, name in extras.get("moves", ())]
            + [(instant(at), "forecast", "") for at in extras.get("forecasts", ())]
            + [(begin, "down", end.isoformat()) for begin, end in self.down]
        )
        self.book = Book()
        self.state = opened(terms, self.policy)
        self.counts: Counter[str] = Counter()
        self.keys: list[str] = []
        self._down_until: datetime | None = None
        self._held: list[Said] = []
        self.premises = Premises(
            terms=script.scenario["subscription"],
            policy=text,
            decimals=DECIMALS[terms.currency],
            usage=tuple(u.on for u in self.world.usage),
            evidence=evidence,
            down=tuple(self.down),
        )
        self.auditor = Auditor(self.premises, self.scenario.begins_at)
        self.showing = Showing(self._show)
        self.now = self.scenario.begins_at
        self._play((), self.scenario.begins_at)

    @property
    def objection(self) -> Objection | None:
        """The first, or None."""
        return self.auditor.objections[0] if self.auditor.objections else None

    @property
    def wake_at(self) -> datetime | None:
        """The next deadline."""
        return self.showing.wake_at

    @property
    def away(self) -> bool:
        """Whether no worker is up."""
        return self._down_until is not None

    def advance(self, until: datetime, messages: Sequence[Said] = ()) -> None:
        """Play on until (exclusive) an instant, with these messages, which all come before it."""
        waiting = list(messages)
        for said in waiting:
            self.auditor.will_hear(self._delivered(said.at))
        while True:
            if self._down_until is not None:
                if until <= self._down_until:
                    self._held += waiting
                    return
                self._come_back(self._down_until, [m for m in waiting if m.at <= self._down_until])
                waiting = [m for m in waiting if m.at > self.now]
                continue
            mark = self.marks[0] if self.marks and self.marks[0][0] < until else None
            stop = max(self.now, mark[0]) if mark else until
            self._play([m for m in waiting if m.at < stop], stop)
            waiting = [m for m in waiting if m.at >= stop]
            if mark is None:
                return
            self._mark(self.marks.pop(0))

    def finish(self) -> None:
        """Play to the end and close the books."""
        self.advance(self.scenario.until)
        if self._down_until is None:
            self.auditor.close(self.scenario.until, self.gateway.taken)

    def _delivered(self, at: datetime) -> datetime:
        return next((end for begin, end in self.down if begin <= at < end), at)

    def _play(self, messages: Sequence[Said], until: datetime) -> None:
        played = self._shell(
            self.state,
            self.policy,
            self.world,
            self.book,
            messages,
            until,
            answering=self._answer,
            witness=self.showing,
        )
        self.state, self.now = played.state, until

    def _come_back(self, at: datetime, messages: list[Said]) -> None:
        """The worker is up again: messages first, then everything that fell due, in its order."""
        for said in [*self._held, *messages]:
            self._turn(MessageReceived(said.signal, (said.payload,), at))
        self._held, self._down_until, self.now = [], None, at
        for _ in range(AFTER_AN_OUTAGE):
            if self.wake_at is None or self.wake_at > at:
                break
            self._turn(DeadlinePassed(at))
        self.now = at + A_MOMENT

    def _turn(self, event: Event) -> None:
        self.state, _, _ = turn(
            self.state, self.policy, self.world, self.book, event, answering=self._answer, witness=self.showing
        )

    def _mark(self, mark: tuple[datetime, str, str]) -> None:
        at, kind, what = mark
        match kind:
            case "down":
                self._down_until = instant(what)
            case "move":
                self._move(at, what)
            case _:
                self._foretell(at)

    def _move(self, at: datetime, name: str) -> None:
        to, text = policy_of(name)
        if refusal(self.state, to) is not None:
            return
        decision = move(self.state, to, Move(to.name, to.version, "operator", "a new version"), at)
        self.state, self.policy = decision.subscription, to
        self.book.keep(decision.effects)
        self.showing.moved(Cause("moved", at, at, policy=text), decision)
        self.counts["moves"] += 1

    def _answer(self, question: Question, world: World, book: Book, now: datetime, timezone: str) -> Event:
        match question:
            case Charge():
                self.keys.append(question.charge_key)
                return self.gateway.charge(question, now)
            case LookUpCharge():
                return self.gateway.look_up(question, now)
            case _:
                return answer(question, world, book, now, timezone)

    def _show(self, step: Step) -> None:
        self.auditor.see(step)
        self._count(step)

    def _count(self, step: Step) -> None:
        counts = self.counts
        counts["decisions"] += 1
        told = [t["what"] for t in step.happened if t["is"] == "entry"]
        if step.cause.kind == "message":
            taken = "refused" if "refused" in told else "repeated" if "repeated" in told else "accepted"
            counts[f"{taken} {step.cause.signal}"] += 1
        for thing in step.happened:
            if thing["is"] == "entry":
                counts[f"entry {thing['what']}"] += 1
                if thing["what"] == "standing":
                    counts[f"standing {thing['fields']['to']}"] += 1
            elif thing["is"] in ("mail", "place", "recall", "asked"):
                counts[thing["is"]] += 1
            elif thing["is"] in ("answered", "looked_up"):
                counts[f"charge {thing['outcome']}"] += 1

    def _foretell(self, at: datetime) -> None:
        """Compare a forecast with what comes, for as long as the world does what one of its futures assumes."""
        until, outcome = self._quiet_until(at)
        if until <= at or outcome is None or self.state.standing == "ended":
            return
        futures = forecast(self.state, self.policy, at, min(HORIZON, until - at))
        entries = futures.if_nothing_is_paid if outcome == "declined" else futures.if_everything_is
        whole = len(entries) < ENTRIES_LIMIT
        self.auditor.forecasts.told([entry_as_thing(e) for e in entries], min(until, at + HORIZON), whole=whole)
        self.counts["forecasts"] += 1

    def _quiet_until(self, at: datetime) -> tuple[datetime, str | None]:
        """Until when the world assumes one of a forecast's futures, and what charges answer in it; None: neither."""
        today = local_date(at, self.timezone)
        said = {self._plainly(role, today) for role in ("primary", "secondary")}
        outcome = said.pop() if len(said) == 1 else None
        if outcome == "approved" and self.state.open_minor:
            outcome = None  # that future begins with a payment
        turning: list[date] = [
            d for r in self.world.gateway for d in (r.first_on, r.until) if d is not None and d > today
        ]
        used = [u.on for u in self.world.usage if (u.on - today).days > -120]
        disturbed = [begin for begin, end in (*self.world.evidence, *self.down) if end > at]
        disturbed += [begin for begin, end, _ in self.gateway.silences if end > at]
        if used or any(i.unresolved for i in self.state.invoices):
            return at, None
        limits = [first_instant(d, self.timezone) for d in turning] + disturbed + [self.scenario.until]
        return min(limits), outcome

    def _plainly(self, role: Any, on: date) -> str | None:
        rule = self.world.rule(role, on)
        if rule is None:
            return "approved"
        plain = rule.outcome in ("approved", "declined") and rule.reason in (None, "insufficient_funds")
        return rule.outcome if plain else None


def lived(script: Script, *, policy: Policy | None = None, shell: Shell = play) -> Life:
    """The whole script, played at once: every message is known from the beginning."""
    life = Life(script, policy=policy, shell=shell)
    scenario = read_scenario(script.scenario)
    life.advance(scenario.until, [m for m in scenario.messages if m.at < scenario.until])
    life.finish()
    return life


def years(life: Life) -> float:
    """How long it was, in years."""
    return (life.scenario.until - life.scenario.begins_at).total_seconds() / (365.25 * 86_400)
