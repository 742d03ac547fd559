"""From environment and file to one frozen `Settings`; the only reader of `os.environ` besides Temporal's own.

Every setting is `PERENNIAL_<NAME>` in the environment, or `<name>` in `perennial.toml` (or the file that
`PERENNIAL_SETTINGS` names), where those of one party may stand in its table; the environment wins. The connection to
Temporal is configured by its standard variables and file (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY,
TEMPORAL_TLS..., TEMPORAL_PROFILE, temporal.toml).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from domain.quoting import legible, quoted

PREFIX = "PERENNIAL_"
FILE = "perennial.toml"


class InvalidSettings(ValueError):
    """A setting that cannot be meant: which, from where, its value, and what was expected. Nothing was started."""


def hidden() -> str:
    """A setting that is empty unless said, and is never shown."""
    return field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Stripe:
    """Cards, at Stripe."""

    api_key: str = hidden()
    """sk_live_..., sk_test_... or a restricted key that may write PaymentIntents."""
    api_url: str = ""
    """Empty for Stripe's own; else where a stand-in listens."""
    webhook_secret: str = hidden()
    """whsec_..., of the endpoint that points to /webhooks/stripe."""


@dataclass(frozen=True, slots=True)
class PayPal:
    """Wallets, at PayPal."""

    client_id: str = ""
    client_secret: str = hidden()
    api_url: str = "https://api-m.paypal.com"
    webhook_id: str = ""
    """The id of the webhook that points to /webhooks/paypal."""
    usage_pattern: str = "SUBSCRIPTION_PREPAID"
    """SUBSCRIPTION_PREPAID or SUBSCRIPTION_POSTPAID: as was said when the wallets were vaulted."""


@dataclass(frozen=True, slots=True)
class Smtp:
    """The mail server that takes our mails."""

    host: str = ""
    port: int = 587
    security: str = "starttls"
    """starttls, tls or none; none only for a server on this machine."""
    user: str = ""
    password: str = hidden()
    sender: str = ""
    """The address that mails come from; bounces go there."""


@dataclass(frozen=True, slots=True)
class House:
    """Who writes to customers: what mails say of the seller. Other brands: docs/adapters/mail.md."""

    name: str = ""
    contact: str = ""
    """Whom to ask: an e-mail address that people read."""
    pay_url: str = ""
    """Where a customer pays or changes a method; `{subscription}` stands for the id."""
    account_holder: str = ""
    iban: str = ""
    bic: str = ""
    postal_address: str = ""
    templates: str = ""
    """A folder with templates of your own; what it lacks comes from the shipped ones."""
    tenants: str = ""
    """A TOML file with the same fields (name, contact, ...) for each further brand, in a table by its tenant."""


@dataclass(frozen=True, slots=True)
class Webhooks:
    """To the platform."""

    url: str = ""
    secret: str = hidden()
    """whsec_... (Standard Webhooks): Base64 of 24 to 64 random bytes."""
    previous_secret: str = hidden()
    """While a secret is changed: the one before, with which is signed too."""
    events: str = "default"
    """Which entries of the timeline the platform hears of beside its commands, separated by commas; empty for none."""


@dataclass(frozen=True, slots=True)
class Debitura:
    """The collections agency with an HTTP API."""

    api_key: str = hidden()
    api_url: str = "https://customer-api.debitura.com"
    webhook_secret: str = hidden()
    sender_email: str = ""
    """A member of our team there, in whose name messages are posted."""
    cases: str = "real"
    """real, or test: cases that the agency marks as tests and does not work on."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where files are exchanged; empty for nowhere."""

    bank: str = ""
    """Statements put here are taken in by `python -m api`: camt.053, camt.054, MT940."""
    agency: str = ""
    """For the agency that takes files: placements and recalls are put here."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where outside parties reach us: `python -m api`."""

    host: str = "127.0.0.1"
    port: int = 8088
    token: str = hidden()
    """What uploads of statements and bounces must carry as a bearer token; empty refuses all uploads."""


@dataclass(frozen=True, slots=True)
class Encryption:
    """What Temporal keeps of us, encrypted: docs/security.md."""

    keys: str = hidden()
    """name:base64 (32 bytes), separated by commas or spaces; the first encrypts. Empty: payloads are plain JSON."""
    keys_file: str = ""
    """The same, one a line in a file, for secrets that are mounted as files."""


@dataclass(frozen=True, slots=True)
class CodecServer:
    """Where the Temporal UI and CLI have payloads decrypted: `python -m api.codec`."""

    host: str = "127.0.0.1"
    port: int = 8089
    token: str = hidden()
    """What every request must carry as a bearer token; at least 16 characters."""
    origins: str = ""
    """The UI's origins, such as https://temporal.example.com, separated by commas: other pages are not answered."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process needs to know of its surroundings. An empty party is a simulated one, and said to be so."""

    database_url: str = field(default="", repr=False)
    """postgresql://user:password@host:port/database; empty where `make run`'s own PostgreSQL is used."""
    database_owner_url: str = field(default="", repr=False)
    """The same for the owner of the tables, who brings them up to date; empty where `database_url` is the owner's."""
    database_connections: int = 10
    """At most so many connections a process, 1 to 1000."""
    task_queue: str = "subscriptions"
    """Where workflows and activities of this deployment are served."""
    deployment: str = "perennial"
    """The name under which Temporal knows the workers that serve this queue, whichever version they are."""
    build: str = ""
    """Which version of them this worker is, such as a release's number or a commit; empty: unversioned, as in
    development. See docs/upgrading.md."""
    cached_workflows: int = 1000
    """How many workflows a worker keeps in memory, 0 (replay every task) to 100000; about 0.1 MB each."""
    sticky_seconds: int = 10
    """How long a task waits for the worker that has its workflow in memory, before any other may have it, 1 to 3600."""
    workflow_slots: int = 100
    """Workflow tasks that a worker has under way at once, 2 to 10000."""
    activity_slots: int = 100
    """Activities that a worker has under way at once, and so many again at each gateway, 1 to 10000."""
    pollers: int = 5
    """Requests for work that a worker has waiting at the server, for each kind of work, 2 to 100."""
    cards_per_second: int = 0
    """What the gateway for cards may be asked a second, by all workers together; 0 for no limit, up to 10000."""
    wallets_per_second: int = 0
    """The same for wallets."""
    data: str = ".perennial"
    """The folder in which `make run` keeps its servers' files."""
    reconcile: str = "0 3 * * *"
    """When gateways, ledger, workflows, agency and platform are compared: cron, UTC; off (or empty) for never."""
    policies: str = ""
    """A folder with further policy files to carry, earlier versions among them; empty for the shipped ones only."""
    cards: str = ""
    """Who takes cards: stripe or simulated."""
    wallets: str = ""
    """Who takes wallets: paypal or simulated."""
    mails: str = ""
    """Who takes mails: smtp or simulated."""
    platform: str = ""
    """How the platform is told: webhooks or simulated."""
    agency: str = ""
    """Who collects: debitura, files or simulated."""
    stripe: Stripe = Stripe()
    paypal: PayPal = PayPal()
    smtp: Smtp = Smtp()
    house: House = House()
    webhooks: Webhooks = Webhooks()
    debitura: Debitura = Debitura()
    folder: Folders = Folders()
    listen: Listen = Listen()
    encryption: Encryption = Encryption()
    codec: CodecServer = CodecServer()


CHOICES: dict[str, tuple[str, ...]] = {
    "cards": ("", "stripe", "simulated"),
    "wallets": ("", "paypal", "simulated"),
    "mails": ("", "smtp", "simulated"),
    "platform": ("", "webhooks", "simulated"),
    "agency": ("", "debitura", "files", "simulated"),
    "smtp_security": ("starttls", "tls", "none"),
    "debitura_cases": ("real", "test"),
    "paypal_usage_pattern": ("SUBSCRIPTION_PREPAID", "SUBSCRIPTION_POSTPAID"),
}

NEEDED: dict[tuple[str, str], tuple[str, ...]] = {
    ("cards", "stripe"): ("stripe_api_key",),
    ("wallets", "paypal"): ("paypal_client_id", "paypal_client_secret"),
    ("mails", "smtp"): ("smtp_host", "smtp_sender", "house_name", "house_contact"),
    ("platform", "webhooks"): ("webhooks_url", "webhooks_secret"),
    ("agency", "debitura"): ("debitura_api_key", "debitura_sender_email"),
    ("agency", "files"): ("folder_agency",),
}
"""What a choice cannot do without."""

GROUPS: dict[str, type] = {
    "stripe": Stripe, "paypal": PayPal, "smtp": Smtp, "house": House, "webhooks": Webhooks, "debitura": Debitura,
    "folder": Folders, "listen": Listen, "encryption": Encryption, "codec": CodecServer,
}  # fmt: skip
_PLAIN = tuple(each.name for each in fields(Settings) if each.name not in GROUPS)
NAMES = (*_PLAIN, *(f"{group}_{each.name}" for group, kind in GROUPS.items() for each in fields(kind)))
"""Every setting by its flat name: `stripe_api_key` is PERENNIAL_STRIPE_API_KEY, or `api_key` under `[stripe]`."""

_RANGES = {
    "database_connections": (1, 1_000), "cached_workflows": (0, 100_000), "sticky_seconds": (1, 3_600),
    "workflow_slots": (2, 10_000), "activity_slots": (1, 10_000), "pollers": (2, 100), "cards_per_second": (0, 10_000),
    "wallets_per_second": (0, 10_000), "smtp_port": (1, 65_535),
    "listen_port": (0, 65_535), "codec_port": (0, 65_535),
}  # fmt: skip
_NAMED = {
    "deployment": ("[A-Za-z0-9_-]+", "letters, digits, hyphens and underscores; a dot parts it from the build"),
    "build": ("[A-Za-z0-9._-]*", "letters, digits, dots, hyphens and underscores, such as 0.2.0 or a commit"),
    "reconcile": (r"|off|[0-9*/,-]+( [0-9*/,-]+){4}", "off, or five fields of cron in UTC, such as '0 3 * * *'"),
}
"""What Temporal takes for the two parts of a worker's version, `<deployment>.<build>`, and for a cron expression."""
_POSTGRESQL = ("postgresql://", "postgres://")
_SECRETS = frozenset(
    ["database_url", "database_owner_url"]
    + [f"{group}_{each.name}" for group, kind in GROUPS.items() for each in fields(kind) if not each.repr]
)


def load(environment: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """The settings of this process. Raises InvalidSettings that names the setting, its source, its value."""
    env = os.environ if environment is None else environment
    named = env.get(f"{PREFIX}SETTINGS")
    path = Path(named) if named else (directory or Path.cwd()) / FILE
    found: dict[str, tuple[object, str]] = {}
    if named or path.exists():
        found = {name: (value, str(path)) for name, value in _flat(_read(path)).items()}
    for key, text in env.items():
        if key.startswith(PREFIX) and key != f"{PREFIX}SETTINGS":
            found[key.removeprefix(PREFIX).lower()] = (text, legible(key, 60))
    values: dict[str, object] = {}
    for name, (value, source) in found.items():
        if name not in NAMES:
            raise InvalidSettings(f"{source}: {quoted(name)} is no setting; expected one of {', '.join(NAMES)}")
        values[name] = _checked(name, value, source)
    return built(values)


def flattened(said: Settings) -> dict[str, object]:
    """Every setting by its flat name, secrets among them; `built` makes settings of it again."""
    plain: dict[str, object] = {name: getattr(said, name) for name in _PLAIN}
    for group, kind in GROUPS.items():
        plain |= {f"{group}_{each.name}": getattr(getattr(said, group), each.name) for each in fields(kind)}
    return plain


def built(values: Mapping[str, object]) -> Settings:
    """Settings out of flat values. Raises InvalidSettings where a choice lacks what it needs."""
    for (name, choice), needed in NEEDED.items():
        missing = [each for each in needed if not values.get(each)]
        if values.get(name) == choice and missing:
            raise InvalidSettings(
                f"{name} is {choice!r}, which needs {', '.join(missing)}; set {PREFIX}{missing[0].upper()}, or choose "
                f"another of {', '.join(c for c in CHOICES[name] if c)}"
            )
    grouped = {
        group: kind(**{e.name: values[f"{group}_{e.name}"] for e in fields(kind) if f"{group}_{e.name}" in values})
        for group, kind in GROUPS.items()
    }
    plain = {name: values[name] for name in _PLAIN if name in values}
    return Settings(**plain, **grouped)  # type: ignore[arg-type]


def _flat(said: dict[str, object]) -> dict[str, object]:
    """A table's settings under its name: `[stripe] api_key` is `stripe_api_key`."""
    flat: dict[str, object] = {}
    for name, value in said.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{inner}": each for inner, each in value.items()}
        else:
            flat[name] = value
    return flat


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSettings(f"{path}: cannot be read: {error.strerror}; expected a file of settings") from None
    except UnicodeDecodeError as error:
        raise InvalidSettings(f"{path}: byte {error.start} is no UTF-8; expected TOML in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidSettings(f"{path}: {error}; expected TOML such as database_url = 'postgresql://...'") from None
    except (ValueError, RecursionError):  # a number of 5000 digits; lists in lists without end
        raise InvalidSettings(f"{path}: holds a value beyond all settings; expected TOML such as a text") from None


def _checked(name: str, value: object, source: str) -> object:
    if name in _RANGES:
        least, most = _RANGES[name]
        try:
            number = int(str(value))
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise InvalidSettings(
                f"{source}: {name} is {quoted(value)}; expected a whole number from {least} to {most}"
            )
        return number
    if not isinstance(value, str):
        raise InvalidSettings(
            f"{source}: {name} is {'no text' if name in _SECRETS else quoted(value)}; expected a text"
        )
    if name in CHOICES and value not in CHOICES[name]:
        expected = ", ".join(choice for choice in CHOICES[name] if choice)
        raise InvalidSettings(f"{source}: {name} is {quoted(value)}; expected one of {expected}")
    if name in ("database_url", "database_owner_url") and value and not value.startswith(_POSTGRESQL):
        raise InvalidSettings(f"{source}: {name}: expected one that begins with postgresql://; its value is not shown")
    if name == "task_queue" and not value:
        raise InvalidSettings(f"{source}: task_queue is empty; expected a name")
    if name in _NAMED and not re.fullmatch(_NAMED[name][0], value):
        raise InvalidSettings(f"{source}: {name} is {quoted(value)}; expected {_NAMED[name][1]}")
    return value
