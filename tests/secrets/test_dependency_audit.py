"""`make audit` tells apart: nothing known, something mendable, something not yet mendable, and nobody to ask."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from embedded.child import usable_port
from proof.dependencies.__main__ import counted

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PINNED = f"idna==3.4 --hash=sha256:{'0' * 64}\nsix==1.16.0 --hash=sha256:{'1' * 64}\n"
BOUND_SECONDS = 120


def advisory(name: str, *fixed: str) -> dict[str, object]:
    events = [{"introduced": "0"}, *({"fixed": version} for version in fixed)]
    ranges = [{"type": "ECOSYSTEM", "events": events}]
    return {
        "id": f"TEST-{name}",
        "summary": "s",
        "aliases": [],
        "affected": [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}],
    }


@pytest.fixture
def source() -> Iterator[tuple[str, dict[str, list[dict[str, object]]]]]:
    """A source of advisories on this machine: its URL, and what it knows by package."""
    known: dict[str, list[dict[str, object]]] = {}

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            vulns = known.get(asked["package"]["name"])
            body = json.dumps({"vulns": vulns} if vulns else {}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query", known
    server.shutdown()
    server.server_close()


def audit(requirements: Path, url: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "proof.dependencies", str(requirements), "--osv-url", url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=BOUND_SECONDS,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text(PINNED)
    return file


def test_what_a_newer_version_mends_fails(pinned: Path, source: tuple[str, dict[str, list[dict[str, object]]]]) -> None:
    url, known = source
    assert audit(pinned, url) == (
        0,
        "2 packages audited: 0 vulnerabilities that a newer version mends, 0 that none does yet\n",
    )
    known["six"] = [advisory("six")]
    status, said = audit(pinned, url)
    assert status == 0, said
    assert "six 1.16.0: TEST-six, not mended in any version yet" in said
    known["idna"] = [advisory("idna", "3.7")]
    status, said = audit(pinned, url)
    assert status == 1, said
    assert "idna 3.4: TEST-idna, mended in 3.7" in said


def test_where_nobody_can_be_asked_it_says_so_in_one_line_and_fails_nothing(pinned: Path) -> None:
    nobody = f"http://127.0.0.1:{usable_port(None)}/v1/query"
    assert audit(pinned, nobody) == (
        0,
        "not audited: advisory data cannot be had here (no source answered for any package)\n",
    )


def test_requirements_that_cannot_be_read_are_no_clean_audit(tmp_path: Path, pinned: Path) -> None:
    status, said = audit(tmp_path / "missing.txt", "http://127.0.0.1:9/")
    assert (status, said.split(":")[0]) == (2, "not audited")
    pinned.write_text("idna==3.4\n")
    status, said = audit(pinned, "http://127.0.0.1:9/")
    assert status == 2, said


def test_a_source_that_knows_no_package_has_audited_nothing() -> None:
    skipped = {"name": "idna", "skip_reason": "Dependency not found"}
    assert counted({"dependencies": [skipped]}) is None
    found = counted({"dependencies": [skipped, {"name": "six", "version": "1", "vulns": []}]})
    assert found is not None
    assert (found.audited, found.unknown) == (1, ("idna",))


def test_every_pin_carries_its_hash_and_is_audited() -> None:
    assert "requirements-dev.txt" in (ROOT / "proof/dependencies/__main__.py").read_text()
    pins = [set(_names(ROOT / name)) for name in ("requirements.txt", "requirements-dev.txt")]
    assert pins[0] < pins[1], "what serves in production is among what is audited"


def _names(file: Path) -> list[str]:
    lines = file.read_text().replace("\\\n", " ").splitlines()
    pinned = [line for line in lines if "==" in line and not line.lstrip().startswith("#")]
    assert all("--hash=sha256:" in line for line in pinned)
    return [line.split("==")[0].strip() for line in pinned]
