"""The folder of a bank's files: each is imported once it is whole, and moved out of the way."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from adapters.bank.files import read_statement
from engine.bank import Imported
from engine.bank_folder import watch_folder
from tests.bank.conftest import Bank
from tests.bank.samples import Transfer, example, statement

POLL_SECONDS = 0.005
PATIENCE = 20


def listed(folder: Path) -> list[str]:
    """The files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def until(folder: Path, import_: Callable[[str, bytes], Awaitable[Imported]], done: Callable[[], bool]) -> None:
    """Watch a folder until something is so."""
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(watch_folder(folder, import_, stop=stop, poll_seconds=POLL_SECONDS))
        while not done():  # noqa: ASYNC110 files have no event
            await asyncio.sleep(POLL_SECONDS)
        stop.set()


async def taken(name: str, data: bytes) -> Imported:
    """An import that reads the file and does nothing about it."""
    file = read_statement(name, data)
    return Imported(file.name, file.format, (), file.pending)


async def test_statements_are_taken_in_and_what_is_none_is_refused_with_the_reason(till: Bank, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(example("camt053-v02-german.xml"))
    (tmp_path / "b.pdf").write_bytes(b"%PDF")
    await until(tmp_path, till.take_file, lambda: not list(tmp_path.glob("*.*")))
    assert listed(tmp_path) == ["refused/b.pdf", "refused/b.pdf.why.txt", "taken-in/a.xml"]
    why = (tmp_path / "refused" / "b.pdf.why.txt").read_text()
    assert why.startswith("b.pdf: the file begins neither as XML nor as MT940")
    assert len(till.door.told) == 1


async def test_a_file_that_is_still_being_written_is_left_alone(tmp_path: Path) -> None:
    whole = statement(Transfer("1.00"))
    (tmp_path / "a.xml").write_bytes(whole)
    (tmp_path / "b.xml").write_bytes(whole[:100])
    (tmp_path / "c.xml.part").write_bytes(whole[:100])
    (tmp_path / ".d.xml").write_bytes(whole[:100])
    sizes = []

    async def import_(name: str, data: bytes) -> Imported:
        sizes.append((name, len(data)))
        if name == "a.xml":
            (tmp_path / "b.xml").write_bytes(whole)  # it grows while another one is imported
        return await taken(name, data)

    await until(tmp_path, import_, lambda: len(sizes) == 2 and not list(tmp_path.glob("[ab].xml")))
    assert sizes == [("a.xml", len(whole)), ("b.xml", len(whole))]
    assert listed(tmp_path) == [".d.xml", "c.xml.part", "taken-in/a.xml", "taken-in/b.xml"]


async def test_a_file_is_tried_again_while_something_is_away_and_keeps_nobody_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_bytes(statement(Transfer("1.00")))
    tries = []

    async def import_(name: str, data: bytes) -> Imported:
        tries.append(name)
        if tries.count("a.xml") < 3 and name == "a.xml":
            raise ConnectionError("of a customer's name, perhaps")
        return await taken(name, data)

    await until(tmp_path, import_, lambda: not list(tmp_path.glob("*.xml")))
    assert tries == ["a.xml", "b.xml", "a.xml", "a.xml"]
    assert "a.xml was not imported (ConnectionError); it is tried again" in caplog.text
    assert "a customer's name" not in caplog.text


async def test_a_file_whose_name_is_no_text_is_refused_and_ends_no_watch(till: Bank, tmp_path: Path) -> None:
    """Linux names files by any bytes; neither PostgreSQL nor the file with the reason can hold half a character."""
    (tmp_path / "a\udcff.xml").write_bytes(b"none")
    (tmp_path / "b.xml").write_bytes(example("camt053-v02-german.xml"))
    await until(tmp_path, till.take_file, lambda: not list(tmp_path.glob("*.xml")))
    assert sorted(path.name for path in (tmp_path / "taken-in").iterdir()) == ["b.xml"]
    assert len(list((tmp_path / "refused").iterdir())) == 2


async def test_a_file_that_comes_again_under_its_name_replaces_none(tmp_path: Path) -> None:
    for amount in ("1.00", "2.00", "3.00"):
        (tmp_path / "day.xml").write_bytes(statement(Transfer(amount)))
        await until(tmp_path, taken, lambda: not (tmp_path / "day.xml").exists())
    assert listed(tmp_path) == ["taken-in/day.xml", "taken-in/day.xml.2", "taken-in/day.xml.3"]


async def test_a_watch_that_is_killed_before_it_moves_a_file_counts_its_money_once(till: Bank, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(example("camt053-v02-german.xml"))
    imported = asyncio.Event()

    async def import_and_die(name: str, data: bytes) -> Imported:
        await till.take_file(name, data)
        imported.set()
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await watch_folder(tmp_path, import_and_die, stop=asyncio.Event(), poll_seconds=POLL_SECONDS)
    assert imported.is_set()
    assert listed(tmp_path) == ["a.xml"]
    await until(tmp_path, till.take_file, lambda: not (tmp_path / "a.xml").exists())
    assert len(till.door.told) == 1
    assert len(await till.books.unapplied_money()) == 2
