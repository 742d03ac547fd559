"""A policy that cannot be meant is refused with the file, the line, the value found and what was expected."""

import ast
import re
from datetime import time
from pathlib import Path

import pytest
import yaml

from domain.policy import Cancel, Condition, Mail, PlaceAll, Trigger
from policies.load import SIZE_LIMIT, InvalidPolicy, load, load_file, shipped

ROOT = Path(__file__).parents[2]
MONTHLY = (ROOT / "policies" / "photo-monthly.yaml").read_text(encoding="utf-8")
HOSTING = (ROOT / "policies" / "hosting.yaml").read_text(encoding="utf-8")
EVERY_WORD = (Path(__file__).parent / "every-word.yaml").read_text(encoding="utf-8")


def refused(tmp_path: Path, text: str | bytes) -> str:
    """Why a file with that text is refused; the path is told as `it.yaml`."""
    path = tmp_path / "it.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidPolicy) as why:
        load_file(path)
    return str(why.value).replace(str(path), "it.yaml")


def line_of(text: str, part: str) -> int:
    """The number of the first line that holds a part."""
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


@pytest.mark.parametrize(
    ("text", "old", "new", "where", "found", "expected"),
    [
        (MONTHLY, "version: 1", "version: one", "version", "'one'", "valid integer"),
        (MONTHLY, "version: 1", "version: true", "version", "'true'", "valid integer"),
        (MONTHLY, "version: 1", "version: 0", "version", "'0'", "greater than or equal to 1"),
        (MONTHLY, "grace_days: 3", "grace_days: 99999", "grace_days", "'99999'", "3660"),
        (MONTHLY, "grace_days: 3", "grace_days: -1", "grace_days", "'-1'", "greater"),
        (MONTHLY, "grace_days: 3", "grace_days: 2.5", "grace_days", "'2.5'", "integer"),
        (MONTHLY, "grace_days: 3", 'grace_days: "3"', "grace_days", "'3'", "integer"),
        (MONTHLY, 'at: "00:00"', 'at: "24:00"', "bill.at", "'24:00'", "time"),
        (MONTHLY, 'at: "00:00"', "at: midnight", "bill.at", "'midnight'", "time"),
        (MONTHLY, 'at: "00:00"', "at: 10:30", "bill.at", "'10:30'", "quoted"),  # YAML reads 630 seconds
        (MONTHLY, 'at: "00:00"', 'at: "10:30+02:00"', "bill.at", "'10:30+02:00'", "time"),
        (MONTHLY, "in: advance", "in: retrospect", "bill.in", "'retrospect'", "'advance' or 'arrears'"),
        (MONTHLY, "every: month", "every: week", "bill.every", "'week'", "'month'"),
        (MONTHLY, "email: account_locked", "email: farewell", "email", "'farewell'", "'receipt'"),
        (MONTHLY, "standing: locked", "standing: ended", "standing", "'ended'", "'locked'"),
        (MONTHLY, "days_unpaid: 3", "days_late: 3", "days_late", "'3'", "extra inputs"),
        (MONTHLY, "supersedes_locks", "supercedes_locks", "supercedes", "'true'", "extra inputs"),
        (MONTHLY, "when: end_of_month", "when: end_of_year", "when", "'end_of_year'", "'end_of_month'"),
        (MONTHLY, "charge: [primary, secondary]", "charge: []", "charge", "", "at least 1"),
        (MONTHLY, "policy: photo-monthly", "policy: Photo!", "policy", "'Photo!'", "pattern"),
        (HOSTING, "card_failures: 3", "card_failures: many", "card_failures", "'many'", "integer"),
        (EVERY_WORD, "percent: 1", "percent: 101", "percent", "'101'", "100"),
        (EVERY_WORD, "days: [mon,", "days: [moon,", "days", "'moon'", "'mon'"),
        (EVERY_WORD, "unlock: review_if", "unlock: perhaps", "unlock", "'perhaps'", "'review_if'"),
        (EVERY_WORD, "decline: soft", "decline: rude", "decline", "'rude'", "'hard' or 'soft'"),
    ],
)
def test_a_fault_names_line_place_value_and_what_was_expected(
    tmp_path: Path, text: str, old: str, new: str, where: str, found: str, expected: str
) -> None:
    assert old in text
    changed = text.replace(old, new, 1)
    (told,) = [line for line in refused(tmp_path, changed).splitlines() if where in line and found in line]
    assert told.startswith(f"it.yaml:{line_of(changed, new)}: ")
    assert expected in told


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("when: {days_unpaid: 3}", "when: {}", "expected exactly one trigger"),
        ("when: {days_unpaid: 3}", "when: {days_unpaid: 3, balance_above: 1}", "expected exactly one trigger"),
        ("- standing: locked", "- {}", "expected exactly one effect"),
        ("- standing: locked", "- {standing: locked, cancel: now}", "expected exactly one effect"),
        ("rung: cancel, month used", "rung: lock", "rung 'lock' stands twice"),
        ("if: {used_that_month: true}", "if: {at_month_end: cancel}", "needs `keep_trying`"),
        ("when: {days_unpaid: 3}", "when: {days_after_due: 3}", "or a reversal has no grace"),
        ("why: unpaid for 3 days", "why: x\n    days_after_warning: 3", "needs a rung with `warns: true`"),
        ("unlock: automatic", "unlock: review_if", "`review_above` need each other"),
        ("supersedes_locks: true", "supersedes_locks: true\n  final_invoice: true", "billed in arrears"),
        ("- standing: locked", "- terminate: {percent_of_remaining_balance: 50}", "end_of_month_of_consecutive"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in MONTHLY
    why = refused(tmp_path, MONTHLY.replace(old, new, 1))
    assert re.match(r"it\.yaml:\d+: ", why)
    assert expected in why


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('until: "18:00"', 'until: "08:00"', "opens before it closes"),
        ('until: "18:00"', 'until: "07:00"', "opens before it closes"),
        ('until: "18:00"', 'until: "08:01"', "office hours"),
        ("timezone: Europe/Berlin", "timezone: Europe/Bonn", "time zone 'Europe/Bonn': expected an IANA name"),
        ("default_after_hours: 20", "default_after_hours: 401", "400"),
        ("default: refuse", "default: forget", "'reactivate' or 'refuse'"),
    ],
)
def test_office_hours_that_never_come_are_refused(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in EVERY_WORD
    assert expected in refused(tmp_path, EVERY_WORD.replace(old, new, 1))


MAY_BE_LEFT_OUT = ("when_declined", "when_no_method_can_be_charged", "announcement_days")


@pytest.mark.parametrize("section", [name for name in yaml.safe_load(MONTHLY) if name not in MAY_BE_LEFT_OUT])
def test_a_missing_section_is_named(tmp_path: Path, section: str) -> None:
    said = {name: part for name, part in yaml.safe_load(MONTHLY).items() if name != section}
    why = refused(tmp_path, yaml.safe_dump(said, sort_keys=False))
    assert why == f"it.yaml:1: {section}: field required"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("grace_days: 3", "grace_days: 3\ngrace_days: 4", "grace_days"),
        ("  at: ", "  every: month\n  at: ", "every"),
        ("    why: unpaid for 3 days", "    why: unpaid for 3 days\n    rung: again", "rung"),
    ],
)
def test_a_key_that_stands_twice_is_refused_because_one_of_them_would_vanish(
    tmp_path: Path, old: str, new: str, key: str
) -> None:
    why = refused(tmp_path, MONTHLY.replace(old, new, 1))
    assert re.fullmatch(rf"it\.yaml:\d+: key '{key}' stands twice; expected once", why)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("policy: [", r"it\.yaml:\d: .*expected YAML", id="not YAML"),
        pytest.param("\tpolicy: x", r"it\.yaml:1: .*expected YAML", id="a tab"),
        pytest.param("policy: &a b\nversion: *c", r"it\.yaml:2: .*expected YAML", id="an alias of nothing"),
        pytest.param("? [a, b]\n: c", r"it\.yaml:1: .*expected YAML", id="a list as a key"),
        pytest.param("!!python/object/apply:os.system [ls]", r"it\.yaml:1: .*expected YAML", id="code"),
        pytest.param("a: 1\n---\nb: 2", r"it\.yaml:2: .*expected YAML", id="two documents"),
        pytest.param("[" * 30_000, r"it\.yaml:1: .*expected a policy's few", id="too deep"),
        pytest.param("a: &a [*a]", r"it\.yaml:1: .*", id="a loop"),
        pytest.param("", r"it\.yaml:1: policy: .*expected a mapping.*", id="empty"),
        pytest.param("# only a comment", r"it\.yaml:1: policy: .*expected a mapping.*", id="a comment"),
        pytest.param("- a\n- b", r"it\.yaml:1: policy: .*expected a mapping.*", id="a list"),
        pytest.param("just words", r"it\.yaml:1: policy: 'just words' .*expected a mapping.*", id="words"),
        pytest.param(b"\x00\x01\x02", r"it\.yaml:1: holds '\\x00'; expected printable text", id="binary"),
        pytest.param(b"\xff\xfe\xfd", r"it\.yaml:1: byte 0xff; expected UTF-8 text", id="not UTF-8"),
        pytest.param(b"#" * (SIZE_LIMIT + 1), r"it\.yaml:1: more than 200000 bytes", id="too large"),
    ],
)
def test_a_file_that_is_no_policy_is_refused(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert re.match(expected, refused(tmp_path, text), re.DOTALL)


def test_a_bomb_of_aliases_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    assert "a0: extra inputs are not permitted" in refused(tmp_path, bomb)


@pytest.mark.parametrize("name", ["photo-weekly", "", "Photo-Monthly", "photo-monthly "])
def test_an_unknown_name_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(InvalidPolicy) as why:
        load(name)
    assert str(why.value) == (
        f"policy {name!r}: unknown; expected one of hosting, photo-annual, photo-monthly, or a path to a file"
    )


def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    for name in ("none.yaml", "./none", "."):
        with pytest.raises(InvalidPolicy, match=r"cannot be read: .*; expected a policy file|unknown"):
            load(name, tmp_path)


def test_several_faults_are_all_told(tmp_path: Path) -> None:
    text = MONTHLY.replace("version: 1", "version: one").replace("grace_days: 3", "grace_days: none")
    assert [line.split(": ")[1] for line in refused(tmp_path, text).splitlines()] == ["version", "grace_days"]


OTHER_ORDER = "undo: {block_archive: allow_archive, block_uploads: allow_uploads,"


def digest(tmp_path: Path, text: str) -> str:
    """The digest of a policy with that text."""
    path = tmp_path / "it.yaml"
    path.write_text(text, encoding="utf-8")
    return load_file(path).digest


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param("# a comment\n" + MONTHLY, id="a comment"),
        pytest.param(re.sub(r" +#.*", "", MONTHLY), id="no comments"),
        pytest.param(MONTHLY.replace("\n", "\r\n"), id="other line ends"),
        pytest.param(MONTHLY.replace("title: Photo", "title: Better photo"), id="another title"),
        pytest.param(yaml.safe_dump(yaml.safe_load(MONTHLY), sort_keys=False), id="another layout"),
        pytest.param(
            yaml.safe_dump(yaml.safe_load(MONTHLY), sort_keys=False, default_flow_style=True), id="all in braces"
        ),
        pytest.param(MONTHLY.replace("charge: [primary, secondary]", "charge:\n- primary\n- secondary"), id="a list"),
    ],
)
def test_the_digest_stays_where_the_meaning_does(tmp_path: Path, changed: str) -> None:
    assert changed != MONTHLY
    assert digest(tmp_path, changed) == load("photo-monthly").digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 1", "version: 2"),
        ("grace_days: 3", "grace_days: 4"),
        ("days_unpaid: 3", "days_unpaid: 4"),
        ("charge: [primary, secondary]", "charge: [secondary, primary]"),
        ("why: unpaid for 3 days", "why: unpaid for three days"),
        ("[block_uploads, block_archive, deactivate_sites] #", "[block_archive, block_uploads, deactivate_sites] #"),
        ("email: account_unlocked", "email: receipt"),
        ("  at: \"00:00\"", "  at: \"00:01\""),
        ("announcement_days: 5", "announcement_days: 6"),
        ("undo: {block_uploads: allow_uploads, block_archive: allow_archive,", OTHER_ORDER),
    ],
)  # fmt: skip
def test_the_digest_changes_with_the_meaning(tmp_path: Path, old: str, new: str) -> None:
    assert old in MONTHLY
    assert digest(tmp_path, MONTHLY.replace(old, new, 1)) != load("photo-monthly").digest


def test_the_shipped_policies_say_what_the_published_ones_say() -> None:
    monthly, annual, hosting = load("photo-monthly"), load("photo-annual"), load("hosting")
    assert (monthly.billing.in_advance, annual.billing.in_advance, hosting.billing.in_advance) == (True, True, False)
    assert {p.billing.at for p in (monthly, annual, hosting)} == {time(0, 0)}
    assert (monthly.committed, annual.committed, hosting.committed) == (False, True, False)
    assert [(r.when.kind, r.when.number) for r in hosting.ladder] == [
        ("days_after_due", 0), ("days_after_due", 0), ("days_after_due", 7), ("days_after_due", 14),
        ("days_after_due", 30), ("days_after_due", 30), ("days_after_due", 44), ("days_after_cancellation", 30),
    ]  # fmt: skip
    unused = monthly.ladder[1]
    assert unused.when == Trigger("end_of_month")
    assert unused.conditions == (Condition("used_that_month", False),)
    assert unused.then == (Cancel("previous_month_end"), PlaceAll())
    assert hosting.ladder[5].warns
    assert hosting.ladder[6].days_after_warning == 14
    assert hosting.when_declined == (Mail("payment_declined"),)


@pytest.mark.parametrize("room", ["domain", "workflows", "activities", "adapters"])
def test_nothing_in_the_code_knows_a_shipped_policy_by_its_name(room: str) -> None:
    """Docstrings may give an example; names, constants and comparisons may not."""
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
                assert not [name for name in shipped() if name in node.value], f"{path.name}:{node.lineno}"
