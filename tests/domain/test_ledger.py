"""Whatever is said, paid, taken back and answered, in any order: the books balance and the state agrees with them.

An auditor that shares no code with the engine stands beside every single decision (`auditor.py` says what it looks at).
A failing life is printed as a value; pasted into `test_lives_that_once_failed` it is played for ever after.
"""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings

from domain.forecast import ENTRIES_LIMIT
from tests.domain.moves import RandomLife, agree, lives, make

AFTERMATH = timedelta(days=100)  # beyond the last message: every rung of every ladder, and deletion after retention
LIVES = 60  # of each policy, in every run; while developing, 20,000 of each have been played
MOVES = 16

quickly = settings(
    max_examples=LIVES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def lived(life_: RandomLife) -> None:
    """Play a random life to its end under audit, and look into its future on the way."""
    life, now = life_.begin()
    for number, move in enumerate(life_.moves):
        now = make(life, move, now)
        if number == len(life_.moves) // 2:
            seen = life.forecast(now)
            assert len(seen.if_everything_is) <= ENTRIES_LIMIT
            assert len(seen.if_nothing_is_paid) <= ENTRIES_LIMIT
    life.play(now + AFTERMATH)
    agree(life)
    if not any(move.backdated_days or not move.punctual for move in life_.moves):
        order = [entry.at for entry in life.entries]
        assert order == sorted(order), "an entry stands before what happened earlier"


@quickly
@given(lives("photo-monthly", MOVES))
def test_the_books_of_any_monthly_life_balance_at_every_step(life: RandomLife) -> None:
    lived(life)


@quickly
@given(lives("photo-annual", MOVES))
def test_the_books_of_any_yearly_commitment_balance_at_every_step(life: RandomLife) -> None:
    lived(life)


@quickly
@given(lives("hosting", MOVES))
def test_the_books_of_any_hosting_product_balance_at_every_step(life: RandomLife) -> None:
    lived(life)
