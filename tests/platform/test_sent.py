"""What stands on the wire: the body, the id, the signatures; and what the adapter refuses to be built from."""

import base64
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from adapters.platform.webhooks import NotAcknowledged, PlatformWebhooks, webhook_id
from standins.platform import PATH, PlatformStandIn
from standins.wire import Shelf, served
from tests.contracts.platform import SUBSCRIPTION, command, event
from tests.platform.secrets import OTHER_SECRET, SECRET


@pytest.fixture
async def stand_in() -> AsyncIterator[tuple[PlatformStandIn, str]]:
    """A platform that knows SECRET, and the URL of its webhooks."""
    shelf = Shelf()
    platform = PlatformStandIn(shelf, SECRET)
    async with served(platform.app()) as url:
        yield platform, url + PATH
    shelf.close()


async def test_a_command_says_what_to_do_to_which_subscription_and_why(stand_in: tuple[PlatformStandIn, str]) -> None:
    platform, url = stand_in
    async with PlatformWebhooks(url, SECRET) as webhooks:
        await command(webhooks, 12, "block_uploads")
    seen = platform.wire.requests[-1]
    assert json.loads(seen.body) == {
        "type": "command.block_uploads",
        "timestamp": "2026-03-18T04:00:00Z",
        "data": {
            "subscription": SUBSCRIPTION,
            "place": 12,
            "key": f"{SUBSCRIPTION}/000012/platform",
            "command": "block_uploads",
            "because": "unpaid for 3 days",
        },
    }
    assert seen.headers["content-type"] == "application/json"


async def test_an_event_says_what_happened_with_its_facts(stand_in: tuple[PlatformStandIn, str]) -> None:
    platform, url = stand_in
    async with PlatformWebhooks(url, SECRET) as webhooks:
        await event(webhooks, 13, "standing")
    said = json.loads(platform.wire.requests[-1].body)
    assert said["type"] == "event.standing"
    assert said["data"] == {
        "subscription": SUBSCRIPTION,
        "place": 13,
        "key": f"{SUBSCRIPTION}/000013/event",
        "event": "standing",
        "fields": {"from": "past_due", "to": "locked", "invoices": ["s-1-0003"], "count": 2, "retroactive": True},
        "by": "policy",
        "because": "unpaid for 3 days",
    }


async def test_the_id_is_the_keys_own_and_holds_no_full_stop(stand_in: tuple[PlatformStandIn, str]) -> None:
    platform, url = stand_in
    async with PlatformWebhooks(url, SECRET) as webhooks:
        for number in (1, 1, 2):
            await command(webhooks, number, "block_uploads")
    first, again, other = [seen.headers["webhook-id"] for seen in platform.wire.requests]
    assert first == again == webhook_id(f"{SUBSCRIPTION}/000001/platform") != other
    assert "." in SUBSCRIPTION
    assert "." not in first


async def test_the_librarys_own_verification_takes_what_is_sent_and_nothing_changed(
    stand_in: tuple[PlatformStandIn, str],
) -> None:
    platform, url = stand_in
    async with PlatformWebhooks(url, SECRET) as webhooks:
        await command(webhooks, 1, "block_uploads")
    seen = platform.wire.requests[-1]
    assert Webhook(SECRET).verify(seen.body, seen.headers)["type"] == "command.block_uploads"
    for tampered in (seen.body.replace(b"block", b"allow"), seen.body + b" "):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(tampered, seen.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(seen.body, seen.headers | {"webhook-id": "msg_other"})


async def test_while_a_secret_is_changed_a_platform_that_knows_either_is_reached(
    stand_in: tuple[PlatformStandIn, str],
) -> None:
    platform, url = stand_in
    platform.secret = OTHER_SECRET
    async with PlatformWebhooks(url, SECRET, previous_secret=OTHER_SECRET) as both:
        await command(both, 1, "block_uploads")
        platform.secret = SECRET
        await command(both, 2, "allow_uploads")
    async with PlatformWebhooks(url, SECRET) as after:
        await command(after, 3, "block_uploads")
    assert platform.obeyed(SUBSCRIPTION) == ["block_uploads", "allow_uploads", "block_uploads"]
    signatures = [seen.headers["webhook-signature"].count("v1,") for seen in platform.wire.requests]
    assert signatures == [2, 2, 1]


async def test_any_2xx_is_an_acknowledgement_but_a_page_for_people_is_none() -> None:
    answers = [
        web.Response(status=200, text="ok", content_type="text/html"),  # what small frameworks call a text
        web.Response(status=202, text="<queued/>", content_type="application/xml"),
        web.Response(status=204),
        web.Response(status=200, text="\n<!doctype html><h1>Please log in</h1>", content_type="text/html"),
    ]

    async def answer(request: web.Request) -> web.Response:
        return answers.pop(0)

    app = web.Application()
    app.router.add_post("/", answer)
    async with served(app) as url, PlatformWebhooks(url, SECRET) as webhooks:
        for number in (1, 2, 3):
            await command(webhooks, number, "block_uploads")
        with pytest.raises(NotAcknowledged, match="a page of HTML"):
            await command(webhooks, 4, "block_uploads")
    assert not answers


async def test_a_long_answer_is_not_read_to_its_end() -> None:
    read_to_the_end = False

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal read_to_the_end
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(b"x" * 65_536)
        read_to_the_end = True
        return response

    app = web.Application()
    app.router.add_post("/", answer)
    async with served(app) as url, PlatformWebhooks(url, SECRET) as webhooks:
        await command(webhooks, 1, "block_uploads")
    assert not read_to_the_end


@pytest.mark.parametrize(
    "url", ["{}", "{}.example/hooks", "ftp://{}@platform.example/", "https://?{}", "http://{}:port/"]
)
def test_a_url_that_is_none_is_refused_at_once_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="the platform's URL") as refused:
        PlatformWebhooks(url.format("t0ken"), SECRET)
    assert "t0ken" not in str(refused.value)


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_not base64!", "whsec_" + base64.b64encode(b"x" * 23).decode(), "whsec_" + "eHh4" * 22],
    ids=["empty", "prefix only", "no base64", "23 bytes", "66 bytes"],
)
def test_a_secret_that_is_none_or_too_short_is_refused_at_once_and_not_repeated(secret: str) -> None:
    for old, new in ((SECRET, secret), (secret, SECRET)):
        with pytest.raises(ValueError, match="24 to 64 random bytes in base64") as refused:
            PlatformWebhooks("https://platform.example/", new, previous_secret=old)
        bare = secret.removeprefix("whsec_")
        assert not bare or bare not in str(refused.value)
