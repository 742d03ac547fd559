"""Saying it all, many at once, and remembering what was answered."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from random import Random
from uuid import uuid4

from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from adapters.postgres.books import Books
from domain.keys import workflow_id
from domain.run import Answer
from engine.speak import MessageRefused, ask, tell
from proof.messages.script import EFFECTS, Outcome, Script, Telling

IN_FLIGHT = 96  # messages sent and not yet taken in, over all subscriptions
PAUSE_SECONDS = (0.0, 0.3)  # between two bursts: sometimes the workflow comes to rest, sometimes it does not
UPDATES = 12  # of these for one subscription; the server takes ten, and has the rest tried again
AGAIN_SECONDS = 0.5
ANSWER_SECONDS = 180.0  # for one message; the longest takes as long as the worker is away, and what waits before it


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one telling. `lost`: how often it was sent without an answer, and sent again."""

    telling: Telling
    outcome: Outcome | None
    """None for a signal: nobody answers one."""
    at_the_door: bool = False
    """Refused before it entered the history: no line of the timeline tells of it."""
    lost: int = 0
    wrong: str = ""
    """What the answer said that it should not have."""


@dataclass(slots=True)
class Flood:
    """Sends scripts to the subscriptions that they are for."""

    client: Client
    books: Books
    seed: int
    sent: Callable[[int], None]
    """Called with how many messages have been taken in so far."""
    taken: dict[str, list[Taken]] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    stuck: list[str] = field(default_factory=list)
    """What was never answered; nothing more is said to its subscription then."""
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(IN_FLIGHT))
    _asking: dict[str, asyncio.Semaphore] = field(
        default_factory=lambda: defaultdict(lambda: asyncio.Semaphore(UPDATES))
    )

    async def say(self, script: Script) -> None:
        """Send everything to one subscription, burst by burst."""
        draw = Random(f"{self.seed}/{script.id}/pauses")  # noqa: S311  # what a seed draws can be drawn again
        heard = self.taken.setdefault(script.id, [])
        for burst in script.bursts:
            strands = (self._strand(script.id, strand, heard) for strand in burst)
            stuck = [each for each in await asyncio.gather(*strands) if each]
            if stuck:
                self.stuck += stuck
                return
            await asyncio.sleep(draw.choice((0.0, 0.0, draw.uniform(*PAUSE_SECONDS))))

    async def _strand(self, id_: str, strand: list[Telling], heard: list[Taken]) -> str:
        """Send one after another; gives which was not answered in time, else ""."""
        for telling in strand:
            try:
                async with self._place(id_, telling), self._room, asyncio.timeout(ANSWER_SECONDS):
                    heard.append(await self._send(id_, telling))
            except TimeoutError:
                return f"{id_} {telling.deed.by} ({telling.name}): no answer in {ANSWER_SECONDS:.0f} s"
            self.kinds[f"{telling.kind}, {telling.door}"] += 1
            self.sent(self.kinds.total())
        return ""

    def _place(self, id_: str, telling: Telling) -> AbstractAsyncContextManager[None]:
        return self._asking[id_] if telling.door == "update" else nullcontext()

    async def _send(self, id_: str, telling: Telling) -> Taken:
        match telling.door:
            case "raw":
                await self._raw(id_, telling.name, telling.payload)
                return Taken(telling, None)
            case "signal":
                await tell(self.client, self.books, id_, telling.name, telling.payload)
                return Taken(telling, None)
            case "update":
                return await self._asked(id_, telling)

    async def _asked(self, id_: str, telling: Telling) -> Taken:
        """Ask until there is an answer; where it was lost, the same is asked again. The caller has a limit."""
        lost = 0
        while True:
            try:
                answer = await ask(self.client, self.books, id_, telling.name, telling.payload)
            except MessageRefused:
                return Taken(telling, "refused", at_the_door=True, lost=lost)
            except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError):
                lost += 1
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                outcome = _outcome(answer)
                return Taken(telling, outcome, lost=lost, wrong=_untrue(telling, answer, outcome))

    async def _raw(self, id_: str, name: str, payloads: tuple[object, ...]) -> None:
        """A signal as another program might send it: any number of payloads, JSON or not."""
        await self.client.workflow_service.signal_workflow_execution(
            SignalWorkflowExecutionRequest(
                namespace=self.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=workflow_id(id_)),
                signal_name=name,
                input=Payloads(payloads=[_payload(each) for each in payloads]) if payloads else None,
                request_id=str(uuid4()),
            ),
            retry=True,
        )


def _payload(value: object) -> Payload:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


def _outcome(answer: Answer) -> Outcome:
    if answer.accepted:
        return "accepted"
    return "repeated" if any(told.what == "repeated" for told in answer.happened) else "refused"


def _untrue(telling: Telling, answer: Answer, outcome: Outcome) -> str:
    """An answer tells of this message and of no other, and of the effect if there was one."""
    strangers = {told.by for told in answer.happened} - {telling.deed.by, "policy", "platform"}
    if strangers:
        return f"tells of {', '.join(sorted(strangers))}"
    effect = EFFECTS.get(telling.deed.signal, "")
    told = [each.what for each in answer.happened if each.by == telling.deed.by]
    return "" if (effect in told) == (outcome == "accepted") else f"{outcome}, but tells of {told}"
