"""The agency that takes files keeps what activities need of an agency; its line is a folder."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from activities.delivery import Agency
from adapters.agency.csv_drop import CsvDrop
from adapters.postgres.agency import AgencyCases
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from tests.contracts.agency import AgencyContract, Break, Where


class CsvBench:
    """Reads what was dropped as the agency would. Its line breaks in no way that leaves an answer open."""

    def __init__(self, folder: Path, pool: Pool) -> None:
        self._out = folder / "out"
        self.agency = CsvDrop(folder, cases=AgencyCases(pool), tasks=Books(pool))

    async def break_(self, how: Break, where: Where, *, times: int = 1) -> None:
        pytest.skip("a folder does not answer")

    async def unused_faults(self) -> int:
        return 0

    def unreachable(self) -> Agency:
        pytest.skip("there is no line")

    def refused(self) -> Agency:
        pytest.skip("it takes no credentials")

    async def placements(self) -> Sequence[int]:
        return [sum(minors) for minors in self._amounts("placement")]

    async def recalls(self) -> Sequence[int]:
        return [sum(minors) for minors in self._amounts("recall")]

    def _amounts(self, kind: str) -> list[list[int]]:
        read = []
        for file in sorted(self._out.glob("*.csv"), key=lambda file: file.stat().st_mtime_ns):
            with file.open(encoding="utf-8", newline="") as lines:
                rows = [row for row in csv.DictReader(lines) if row["kind"] == kind]
            read.append([int(row["amount"].replace(".", "")) for row in rows])
        return [minors for minors in read if minors]

    def secrets(self) -> Sequence[str]:
        return ()


class TestCsvDrop(AgencyContract):
    """Every promise of the contract, as files."""

    @pytest.fixture
    def bench(self, tmp_path: Path, pool: Pool) -> CsvBench:
        return CsvBench(tmp_path, pool)
