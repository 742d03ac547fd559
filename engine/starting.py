"""Start one subscription or many, with a progress bar."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

import settings as settings_file
from domain.opening import Contact, InvalidTerms, Terms, read_contact, read_terms
from domain.policy import Policy
from engine.begin import Started, begin
from engine.connect import Unreachable
from engine.here import desk
from policies.load import InvalidPolicy, load

AT_ONCE = 20  # starts in flight; a development server takes 150 to 190 a second


class InvalidWanted(ValueError):
    """A subscription that cannot be meant, or lives under a policy that cannot. Nothing was started."""


class NotStarted(Exception):
    """Something kept subscriptions from being started; the text says what, and how many were."""


async def start_all(wanted: Sequence[Mapping[str, Any]], *, show: bool) -> list[Started]:
    """Start every subscription of a list; each is checked before the first is started.

    Raises InvalidWanted before anything is started, and NotStarted. What was started stays started; asking again
    starts the rest.
    """
    checked = [_checked(one) for one in wanted]
    gate = asyncio.Semaphore(AT_ONCE)
    started: list[Started] = []
    try:
        settings = settings_file.load()
        async with desk(settings) as at:

            async def one(terms: Terms, policy: Policy, contact: Contact) -> Started:
                async with gate:
                    return await begin(at.client, at.books, settings.task_queue, terms, policy, contact=contact)

            tasks = [asyncio.create_task(one(*each)) for each in checked]
            bar = track(tasks, "Starting", console=Console(stderr=True), disable=not show)
            for task in bar:
                started.append(await task)  # noqa: PERF401  # one by one: what is started so far is counted on failure
    except (Unreachable, settings_file.InvalidSettings) as error:
        raise NotStarted(f"{error} {len(started)} of {len(checked)} were started.") from None
    return started


def _checked(one: Mapping[str, Any]) -> tuple[Terms, Policy, Contact]:
    try:
        policy = load(one["policy"], Path(str(one["place"]).split(":")[0]).parent)
        return read_terms(one["subscription"]), policy, read_contact(one.get("contact") or {})
    except (InvalidTerms, InvalidPolicy) as error:
        raise InvalidWanted(f"{one['place']}: {error}. Nothing was started.") from None
