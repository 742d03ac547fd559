"""What the host gives to others of this machine's cores."""

from pathlib import Path

import pytest

from bench import processor
from bench.processor import Span


def test_stolen_is_a_share_of_the_time_in_which_there_was_something_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "PROC", tmp_path)
    told = tmp_path / "stat"
    told.write_text("cpu  100 10 50 9000 70 5 5 30 0 0\ncpu0 1 2 3\n")
    span = Span.begin()
    assert span.stolen() == 0.0, "nothing was done yet"
    told.write_text("cpu  150 10 60 9900 90 5 5 60 0 0\ncpu0 1 2 3\n")
    assert span.stolen() == 30 / 90
    told.unlink()
    assert Span.begin().stolen() == 0.0, "not told on this system"
