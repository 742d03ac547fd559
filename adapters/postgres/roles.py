"""Logins that programs connect with: each a member of one role, and owner of nothing."""

from __future__ import annotations

import re
import secrets
from typing import Literal, get_args
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

Role = Literal["worker", "support", "reader"]
"""worker: `worker.py` and `python -m api`. support: `cli.py` and `starter.py`. reader: reports and audits."""

ROLES: tuple[Role, ...] = get_args(Role)
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
PASSWORD_CHARACTERS = 16  # at least; one that is drawn has 32


class LoginRefused(Exception):
    """No login was made or changed; the text says why."""


async def login(owner_url: str, user: str, role: Role, password: str | None = None) -> str:
    """The URL with which `user` connects to the owner's database as a member of `role` and of nothing else.

    The user is made, or given the password anew; None draws one of 192 bits. Raises LoginRefused for a name or password
    that cannot be, and for a user with more rights than a login needs; asyncpg.PostgresError where the owner may not.
    """
    if not NAME.fullmatch(user):
        raise LoginRefused(f"{user!r} cannot name a login; expected 1 to 63 of a-z, 0-9, _, a letter first")
    if password is not None and len(password) < PASSWORD_CHARACTERS:
        raise LoginRefused(f"the password of {user} has fewer than {PASSWORD_CHARACTERS} characters; it is not shown")
    secret, group = password or secrets.token_urlsafe(24), f"perennial_{role}"
    connection = await asyncpg.connect(owner_url)
    try:
        async with connection.transaction():
            may: str | None = await connection.fetchval(_MIGHT, user, group)
            if may is not None:
                raise LoginRefused(f"{user} {may}, so no role could bind it; nothing was changed. Choose another name.")
            await connection.execute(await connection.fetchval(_LOGIN, user, secret))
            await connection.execute(await connection.fetchval(_MEMBER, group, user))
    finally:
        await connection.close()
    there = urlsplit(owner_url)
    host = there.netloc.rpartition("@")[2]
    return urlunsplit(there._replace(netloc=f"{user}:{quote(secret, safe='')}@{host}"))


_MIGHT = """
select case when rolsuper then 'is a superuser' when rolcreaterole then 'may make roles'
            when rolbypassrls or rolreplication then 'may copy or bypass what is kept'
            when exists (select from pg_class where relowner = login.oid) then 'owns tables'
            when exists (select from pg_auth_members held join pg_roles given on given.oid = held.roleid
                          where held.member = login.oid and given.rolname <> $2) then 'is in another role, too' end
  from pg_roles login where rolname = $1
"""

_LOGIN = """
select format('%s role %I login inherit password %L',
              case when exists (select from pg_roles where rolname = $1) then 'alter' else 'create' end,
              $1::text, $2::text)
"""

_MEMBER = "select format('grant %I to %I', $1::text, $2::text)"
