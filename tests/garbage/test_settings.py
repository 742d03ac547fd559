"""The door for settings, environment and perennial.toml: a refusal names the setting, its source and its value."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import settings
from settings import InvalidSettings
from tests.garbage.clear import Tally, assert_clear
from tests.garbage.mutations import BENT_DATES, BENT_NUMBERS, BENT_TEXTS, torn
from tests.garbage.trying import TIMES, each

SECRET = "sk_live_do_not_show"
FILE = f"""\
database_connections = 10
task_queue = "subscriptions"
cards = "stripe"
[stripe]
api_key = "{SECRET}"
webhook_secret = "whsec_{SECRET}"
[smtp]
host = "mail.example"
port = 587
security = "starttls"
[listen]
port = 8088
token = "{SECRET}"
"""


@TIMES
def test_settings_that_are_spoilt_are_refused_clearly_or_whole(times: int, tmp_path: Path) -> None:
    door = Tally("settings")
    values = [text.replace("\0", "").replace("\ud800", "\udcff") for text in (*BENT_TEXTS, *BENT_NUMBERS, *BENT_DATES)]

    def try_one(random: Random) -> None:
        environment = {}
        text, done = FILE.encode(), ("nothing",)
        if random.random() < 0.7:
            spoilt = torn(text, random, 2)
            text, done = spoilt.value, spoilt.done
        else:
            name = random.choice([*settings.NAMES, "extra", "", "x" * 300, "STRIPE__API_KEY", "é"])
            environment[f"PERENNIAL_{name.upper()}"] = random.choice(values)
        (tmp_path / "perennial.toml").write_bytes(text)
        try:
            settings.load(environment, tmp_path)
        except InvalidSettings as refused:
            told = str(refused).replace(str(tmp_path), "")
            door.refuse(told, (done, environment))
            assert SECRET not in told
        else:
            door.accept()

    each(times, try_one)
    door.closed(refused=times // 4, accepted=times // 20, kinds=10)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("smtp_port = " + "9" * 5_000, "expected TOML"),
        ("smtp_port = " + "[" * 50_000, "expected TOML"),
        ("smtp_port = 99999", "expected a whole number from 1 to 65535"),
        (f'[stripe]\napi_key = ["{SECRET}"]', "stripe_api_key is no text"),
        (f'[stripe]\napi_key = {{x = "{SECRET}"}}', "stripe_api_key is no text"),
        (f'{"x" * 300} = "{SECRET}"', "is no setting; expected one of"),
        ('"\\u0000" = 1', "is no setting; expected one of"),
        ("smtp_port = 2026-02-30", "expected TOML"),
        ("a = 1\na = 2", "expected TOML"),
    ],
)
def test_a_file_of_settings_that_is_none_is_refused_with_its_name(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "perennial.toml").write_text(text)
    with pytest.raises(InvalidSettings) as refused:
        settings.load({}, tmp_path)
    assert str(refused.value).startswith(f"{tmp_path}/perennial.toml: ")
    assert why in str(refused.value)
    assert SECRET not in str(refused.value)
    assert_clear(str(refused.value).replace(str(tmp_path), ""))


def test_a_folder_or_nothing_where_settings_should_be_is_refused(tmp_path: Path) -> None:
    for named in (tmp_path, tmp_path / "nowhere.toml"):
        with pytest.raises(InvalidSettings, match="cannot be read"):
            settings.load({"PERENNIAL_SETTINGS": str(named)}, tmp_path)
