"""One flood from beginning to end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from proof.messages.flood import Flood
from proof.messages.reckoning import Verdict, reckon
from proof.messages.script import Writer
from proof.messages.town import town


@dataclass(frozen=True, slots=True)
class Course:
    """What was sent, by kind and door, and what came of it. `continued`: how often a run continued as new."""

    seed: int
    subscriptions: int
    sent: Counter[str]
    continued: int
    restarts: int
    verdict: Verdict


async def flooded(
    messages: int, seed: int, subscriptions: int, suggested_after: int, sent: Callable[[int], None] = lambda _: None
) -> Course:
    """Send so many messages to so many subscriptions, drawn from the seed, and reckon.

    Half-way the worker is stopped, and another one is started.
    """
    ids = [f"m{number:03d}" for number in range(subscriptions)]
    async with town(suggested_after) as here:
        scripts = []
        for number, id_ in enumerate(ids):
            length = messages // subscriptions + (number < messages % subscriptions)
            draw = Random(f"{seed}/{id_}")  # noqa: S311  # what a seed draws can be drawn again
            scripts.append(Writer(id_, await here.open(id_), draw).write(length))
        await asyncio.gather(*(here.at_rest(id_) for id_ in ids))
        half = asyncio.Event()

        def note(count: int) -> None:
            sent(count)
            if count >= messages // 2:
                half.set()

        flood = Flood(here.client, here.books, seed, note)
        saying = asyncio.gather(*(flood.say(script) for script in scripts))
        saying.add_done_callback(lambda _: half.set())
        await half.wait()
        await here.stop_worker()
        await here.start_worker()
        await saying
        verdict = Verdict(lost=flood.stuck)
        for id_, rested in zip(ids, await asyncio.gather(*(here.at_rest(id_) for id_ in ids)), strict=True):
            if not rested:
                verdict.lost.append(f"{id_}: what was said to it is still being worked on")
        for script in scripts:
            await reckon(here.pool, script, flood.taken[script.id], verdict)
        verdict.wrong += [str(difference) for difference in await here.books.audit()]
        continued = sum([await here.runs(id_) - 1 for id_ in ids])
        return Course(seed, subscriptions, flood.kinds, continued, 1, verdict)
