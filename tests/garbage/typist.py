"""Types at the command lines of cli.py and starter.py: a process that imports them once and forks for each line.

So each line is read, done and left as a person's own is, exit status and all, in a fraction of the time.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Literal

from tests.programs.programs import ROOT, Said, environment

Program = Literal["cli", "starter"]
SECONDS = 120  # for one line, on a busy machine


class Typist:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def type(self, program: Program, *words: str) -> Said:
        """One command line, to its end."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([program, words]).encode() + b"\n")
        async with asyncio.timeout(SECONDS):
            answer = json.loads(await stdout.readline())
        return Said(*answer)


@asynccontextmanager
async def typist(data: Path, more: Mapping[str, str]) -> AsyncIterator[Typist]:
    """A typist with a bare environment and `more`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.garbage.typist"), cwd=ROOT, env=environment(data) | dict(more), limit=2**24,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Typist(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(SECONDS):
            await process.wait()


def _typed(program: Program, words: Sequence[str], out: IO[bytes], err: IO[bytes]) -> None:
    """In the child: what stands at the end of each program. Never returns."""
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    status = 1
    try:
        import cli
        import starter
        from engine.leaving import leave_as

        try:
            app = cli.app if program == "cli" else starter.app
            app(args=list(words), prog_name=f"{program}.py")
        except SystemExit as done:
            leave_as(done)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _main() -> None:
    import cli  # noqa: F401  # once for all children
    import starter  # noqa: F401

    for line in sys.stdin:
        program, words = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                _typed(program, words, out, err)
            _, ended = os.waitpid(child, 0)
            told = []
            for file in (out, err):
                file.seek(0)
                told.append(file.read().decode("utf-8", "surrogateescape"))
            print(json.dumps([os.waitstatus_to_exitcode(ended), *told]), flush=True)


if __name__ == "__main__":
    _main()
