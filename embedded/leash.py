"""Runs a program that ends when its parent ends, also when the parent dies by SIGKILL. A script, never imported.

    python leash.py PARENT SIGNAL ACCOUNT PROGRAM [ARGUMENT ...]

PARENT is the process id that must still be the parent, SIGNAL the number of the signal sent when it is gone, ACCOUNT
one of `own` (as the caller), `namespace` (an unprivileged user inside a user namespace, for programs that refuse root)
and `nobody` (user and group 65534, for machines that forbid user namespaces). The program replaces this process, so it
has the process id that the parent got. Exit status 126: the program could not be run; 1: the parent was gone already.

A script of its own, since between fork and exec no Python code is safe in a process with other threads
(`subprocess`, on `preexec_fn`). On systems other than Linux only the exec is done: they have no parent-death signal.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)
CLONE_NEWUSER = 0x10000000  # unshare(2)
NOBODY = 65534
INSIDE = 65534  # the caller's user and group inside the namespace: not root, and known by name on every system


def become(account: str) -> None:
    """Take on the account. Raises OSError where the machine forbids it."""
    if account == "namespace":
        user, group = os.geteuid(), os.getegid()
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "this machine forbids user namespaces")
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{INSIDE} {user} 1"),
            ("gid_map", f"{INSIDE} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    elif account == "nobody":
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def main(parent: int, signal: int, account: str, program: list[str]) -> int:
    """Replace this process by the program; returns only when that fails."""
    try:
        become(account)
        if sys.platform == "linux":
            # After become(): a change of credentials forgets the signal. Before the look at the parent: no gap between.
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
        if os.getppid() != parent:
            return 1
        os.execv(program[0], program)
    except OSError as refusal:
        print(f"cannot run {program[0]} as account {account!r} (user {os.geteuid()}): {refusal}", file=sys.stderr)
    return 126


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
