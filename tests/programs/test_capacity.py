"""How much a worker takes on: what the settings say, and by default what was measured."""

from dataclasses import fields, replace

from engine.crew import ONE, Capacity
from settings import Settings


def test_the_defaults_of_worker_and_settings_are_the_same() -> None:
    assert Capacity.of(Settings()) == ONE


def test_every_setting_of_that_name_is_taken_over() -> None:
    for number, each in enumerate(fields(Capacity), 11):
        assert Capacity.of(replace(Settings(), **{each.name: number})) == replace(ONE, **{each.name: number})
