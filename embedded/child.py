"""A server process that belongs to this one: started on a leash, watched until it answers, stopped with its owner."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

LEASH = Path(__file__).with_name("leash.py")

START_SECONDS = 60  # both servers answer within 2 s on two idle cores; a loaded machine gets thirty times that
STOP_SECONDS = 20  # a shutdown that writes a checkpoint takes about 1 s; after this the child is killed
POLL_SECONDS = 0.02  # between two looks at a server that starts
SAID_BYTES = 1_000_000  # of what a server has said since it was started
PORT_TRIES = 5  # a port can be lost between the look and the use; five in a row is another fault
LOG_BYTES = 16 * 2**20  # a log longer than this at a start is set aside as `.old`, which replaces the one before
TAIL_BYTES = 2000  # of a log, quoted in an error

Account = Literal["own", "namespace", "nobody"]
Answer = TypeVar("Answer")


class ServerFailed(RuntimeError):
    """A server did not start, or ended before it answered. The text names it, quotes its log and says what to do."""


@dataclass(frozen=True, slots=True)
class Child:
    """One running server: `name` for people, its process, and the log that it appends to from byte `log_start`."""

    name: str
    process: asyncio.subprocess.Process
    log: BinaryIO
    log_start: int = field(default=0)

    @property
    def pid(self) -> int:
        """The process id of the server itself: the leash has replaced itself by it."""
        return self.process.pid

    def said(self) -> str:
        """The end of what it wrote since this start, at most 2,000 bytes."""
        length = os.fstat(self.log.fileno()).st_size
        start = max(self.log_start, length - TAIL_BYTES)
        return os.pread(self.log.fileno(), length - start, start).decode(errors="replace").strip()

    def lost_its_port(self) -> bool:
        """Whether it ended because another process took a port of its between the look and the use.

        Temporal chooses further ports for its parts by itself, and ends in a panic whose trace fills the log's tail
        where one of those is taken; so all it has said since its start is read, and a panic counts.
        """
        if self.process.returncode is None:
            return False
        said = os.pread(self.log.fileno(), SAID_BYTES, self.log_start).decode(errors="replace")
        return "ddress already in use" in said or "panic: " in said

    async def answer(self, ask: Callable[[], Awaitable[Answer]], not_yet: tuple[type[Exception], ...]) -> Answer:
        """What `ask` gives once the server answers; asked again after each exception in `not_yet`, for at most 60 s.

        Raises ServerFailed when the server ends first or the time is over; any other exception passes.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_SECONDS
        while True:
            try:
                return await ask()
            except not_yet as reason:
                if self.process.returncode is not None:
                    raise ServerFailed(
                        f"{self.name} ended with status {self.process.returncode} while it started. "
                        f"Its log ({self.log.name}) ends with:\n{self.said() or '(nothing)'}"
                    ) from None
                if loop.time() > deadline:
                    raise ServerFailed(
                        f"{self.name} (process {self.pid}) gave no answer within {START_SECONDS} s; last: {reason!r}. "
                        f"Its log ({self.log.name}) ends with:\n{self.said() or '(nothing)'}"
                    ) from reason
            await asyncio.sleep(POLL_SECONDS)


def on_leash(command: Sequence[str | Path], *, at_death: signal.Signals, account: Account) -> list[str]:
    """The command line that runs `command` so that it gets the signal `at_death` when this process dies."""
    leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), str(int(at_death)), account]
    return [*leash, *map(str, command)]


@asynccontextmanager
async def child(
    name: str,
    command: Sequence[str | Path],
    *,
    log: BinaryIO,
    environment: Mapping[str, str],
    ask_to_stop: signal.Signals,
    at_death: signal.Signals,
    account: Account = "own",
) -> AsyncIterator[Child]:
    """Run a server while the block runs; it ends with the block, and with this process however that ends.

    The child gets `ask_to_stop` and 20 s, then SIGKILL. It sees only the variables in `environment`, so no secret of
    this process reaches it, and has a session of its own, so Ctrl-C in the terminal reaches its owner alone. The
    parent-death signal belongs to the thread that starts the child: call from one that lives as long as the server.
    """
    log_start = os.fstat(log.fileno()).st_size
    process = await asyncio.create_subprocess_exec(
        *on_leash(command, at_death=at_death, account=account),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        yield Child(name, process, log, log_start)
    finally:
        if process.returncode is None:
            process.send_signal(ask_to_stop)
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


async def run(
    name: str, command: Sequence[str | Path], *, environment: Mapping[str, str], account: Account = "own"
) -> None:
    """Run a program to its end. Raises ServerFailed with what it printed when its exit status is not zero."""
    process = await asyncio.create_subprocess_exec(
        *on_leash(command, at_death=signal.SIGTERM, account=account),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        printed = output.decode(errors="replace").strip()[-TAIL_BYTES:]
        raise ServerFailed(f"{name} failed with status {process.returncode}; it printed:\n{printed or '(nothing)'}")


def usable_port(wanted: int | None) -> int:
    """The wanted TCP port of 127.0.0.1, or a free one for None. Another process can still take it before its use.

    Raises ServerFailed when something listens on the wanted one: a client would talk to that instead of our server.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError as refusal:
            raise ServerFailed(
                f"port {wanted} of 127.0.0.1 cannot be had ({refusal.strerror}). "
                "Stop what listens on it, or choose another."
            ) from None
        port: int = probe.getsockname()[1]
        return port


def appended(path: Path) -> BinaryIO:
    """The log file at `path`, opened to append; one of more than 16 MiB is set aside as `.old` first."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(path.name + ".old"))
    return path.open("ab+", buffering=0)
