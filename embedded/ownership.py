"""One owner at a time: two servers on the same files would destroy them."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyOwned(RuntimeError):
    """The files are in use by another process, which the text names. Nothing was changed."""


@contextmanager
def owned(files: Path, lock: Path) -> Iterator[None]:
    """Own `files` while the block runs; `lock` is the file that says so, made where it is missing and left in place.

    The kernel drops the ownership when this process ends, however it ends. Raises AlreadyOwned at once, without
    waiting, while another owner lives, in this process or any other on this machine.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise AlreadyOwned(
                f"{files} is in use by process {owner}, which runs a server on it. "
                "Stop that process, or choose another directory."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
