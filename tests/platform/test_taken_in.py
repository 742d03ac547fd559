"""Both receivers, the stand-in and the example, let nothing in that was not signed so, by us, within five minutes."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks import Webhook

from examples.receiver.receiver import Told, platform
from standins.platform import PATH, PlatformStandIn
from standins.wire import Shelf, served
from tests.platform.secrets import OTHER_SECRET, SECRET

BODY = json.dumps(
    {
        "type": "command.block_uploads",
        "timestamp": "2026-03-18T04:00:00Z",
        "data": {
            "subscription": "s-1",
            "place": 4,
            "key": "s-1/000004/platform",
            "command": "block_uploads",
            "because": "unpaid",
        },
    }
)


@dataclass
class _Receiver:
    taken: Callable[[], int]
    client: httpx.AsyncClient
    path: str

    async def answers(self, body: str | bytes, headers: dict[str, str]) -> int:
        """The status with which it answers."""
        return (await self.client.post(self.path, content=body, headers=headers)).status_code


@pytest.fixture(params=["stand-in", "example"])
async def receiver(request: pytest.FixtureRequest) -> AsyncIterator[_Receiver]:
    """A receiver that knows SECRET and has taken in nothing yet."""
    if request.param == "stand-in":
        shelf = Shelf()
        stand_in = PlatformStandIn(shelf, SECRET)
        async with served(stand_in.app()) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
            yield _Receiver(lambda: len(stand_in.told()), client, PATH)
        shelf.close()
    else:
        told = Told(":memory:")
        app = httpx.ASGITransport(platform(told, SECRET))
        async with httpx.AsyncClient(base_url="http://receiver", transport=app) as client:
            yield _Receiver(lambda: len(told.lines().splitlines()), client, "/")
        told.close()


def signed(body: str, *, secret: str = SECRET, at: datetime | None = None, id_: str = "msg_4") -> dict[str, str]:
    """Headers that sign a body; `at` is now unless said."""
    at = at or datetime.now(UTC)
    signature = Webhook(secret).sign(id_, at, body)
    return {"webhook-id": id_, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


async def test_what_is_signed_is_taken_in(receiver: _Receiver) -> None:
    assert await receiver.answers(BODY, signed(BODY)) in (200, 204)
    assert receiver.taken() == 1


async def test_one_good_signature_among_others_is_enough(receiver: _Receiver) -> None:
    headers = signed(BODY)
    headers["webhook-signature"] = (
        f"v1a,AAAA {signed(BODY, secret=OTHER_SECRET)['webhook-signature']} " + (headers["webhook-signature"])
    )
    assert await receiver.answers(BODY, headers) in (200, 204)
    assert receiver.taken() == 1


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (BODY.replace("block", "allow"), {}),
        (BODY + " ", {}),
        (b"\xff\xfe" + BODY.encode(), {}),
        (BODY, {"webhook-id": "msg_5"}),
        (BODY, {"webhook-id": ""}),
        (BODY, {"webhook-timestamp": "1"}),
        (BODY, {"webhook-timestamp": "now"}),
        (BODY, {"webhook-signature": ""}),
        (BODY, {"webhook-signature": "v1"}),
        (BODY, {"webhook-signature": "v1,%%%"}),
        (BODY, {"webhook-signature": "v1,a,b"}),
        (BODY, signed(BODY, secret=OTHER_SECRET)),
    ],
)
async def test_what_is_not_signed_so_is_turned_away_to_be_tried_again(
    receiver: _Receiver, body: str | bytes, changes: dict[str, str]
) -> None:
    assert await receiver.answers(body, signed(BODY) | changes) == 401
    assert receiver.taken() == 0


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_what_was_signed_more_than_five_minutes_from_now_is_turned_away(
    receiver: _Receiver, minutes: int
) -> None:
    headers = signed(BODY, at=datetime.now(UTC) + timedelta(minutes=minutes))
    assert await receiver.answers(BODY, headers) == 401
    assert receiver.taken() == 0


@pytest.mark.parametrize("body", ["[]", "{}", '{"type": "command.x", "timestamp": "2026", "data": {"place": 1}}'])
async def test_what_is_signed_and_cannot_be_understood_is_refused_for_good(receiver: _Receiver, body: str) -> None:
    assert await receiver.answers(body, signed(body)) in (400, 422)
    assert receiver.taken() == 0
    assert await receiver.answers(BODY, signed(BODY)) in (200, 204)
