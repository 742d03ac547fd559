"""The audit finds what somebody planted behind the books' back."""

import pytest

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from tests.postgres.lives import played, scenario

LIFE = played(scenario("hosting-agency-collects-in-part"))
NUMBER = "s-1-0001"


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (
            "update invoice set open_minor = open_minor + 1, amount_minor = amount_minor + 1, status = 'open'",
            "open amount",
        ),
        ("update invoice set body = jsonb_set(body, '{placed_minor}', '77')", "with the agency"),
        ("update subscription set credit_minor = credit_minor + 1", "credit in the projection"),
        ("update subscription set balance_minor = balance_minor + 1", "past due in the projection"),
        ("update subscription set open_minor = open_minor + 1", "open in the projection"),
        ("update subscription set placed_minor = placed_minor + 1", "with the agency in the projection"),
        (
            "insert into payment (subscription_id, reference, minor, channel, at)"
            " values ('s-1', 'never-came', 5, 'card', now())",
            "money received under never-came",
        ),
        (
            "insert into attempt"
            " (charge_key, subscription_id, invoice, role, method, minor, currency, state, completed_at)"
            " values ('k', 's-1', 's-1-0001', 'primary', 'card', 9, 'EUR', 'approved', now())",
            "payment of the approved charge k",
        ),
        (
            "insert into timeline (subscription_id, number, at, what, fields, by, because)"
            " values ('s-1', 9999, now(), 'w', '{}', 'b', 'c')",
            "entries of the timeline",
        ),
        (
            "insert into unapplied (source, reference, subscription_id, minor, currency, channel, at)"
            " values ('subscription/s-1', 'r', 's-1', 4, 'EUR', 'bank_transfer', now())",
            "unapplied money still open",
        ),
        (
            "alter table posting disable trigger user; update posting set minor = minor + 1 where line = 1",
            "sum of ledger entry",
        ),
    ],
)
async def test_a_planted_difference_is_found(books: Books, pool: Pool, planted: str, found: str) -> None:
    for batch in LIFE.batches:
        await books.write(batch)
    assert await books.audit() == []
    await pool.execute(planted)
    for scope in ("s-1", None):
        differences = await books.audit(scope)
        assert any(found in str(d) and d.subscription_id == "s-1" for d in differences), differences
    assert await books.audit("s-2") == []
