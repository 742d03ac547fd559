"""The policies that this process carries, found by name, version and digest.

Filled once by whoever composes the process, before any subscription is decided; a digest always means the same text, so
that a workflow may read it and still replay.
"""

from __future__ import annotations

from domain.policy import Policy
from domain.subscription import PolicyName

_published: dict[tuple[str, int, str], Policy] = {}


class PolicyMissing(Exception):
    """A subscription was made under a policy text that this process does not carry."""


def publish(*policies: Policy) -> None:
    """Carry these policies from now on; those published before stay."""
    _published.update({(policy.name, policy.version, policy.digest): policy for policy in policies})


def any_version(name: str, version: int) -> Policy:
    """A policy of that name and version, whichever text: for what no rule of it decides. Raises PolicyMissing."""
    for (known, number, _), policy in _published.items():
        if (known, number) == (name, version):
            return policy
    return published(PolicyName(name, version, ""))


def published(name: PolicyName) -> Policy:
    """The policy of that name, version and digest. Raises PolicyMissing that says what to deploy."""
    try:
        return _published[name.name, name.version, name.digest]
    except KeyError:
        carried = ", ".join(f"{n} version {v} ({d[:12]})" for n, v, d in sorted(_published)) or "none"
        raise PolicyMissing(
            f"policy {name.name} version {name.version} ({name.digest[:12]}) is not carried by this worker, which has: "
            f"{carried}. Nothing was decided and no money moved. Deploy a worker that carries it; the task retries."
        ) from None
