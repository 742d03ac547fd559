"""The platform's hand: start subscriptions, tell their future, show the whole thing.

    python starter.py start SUBSCRIPTION.json        one subscription, or many from a .jsonl file
    python starter.py simulate SCENARIO.json         a life in virtual time (--json, --engine temporal)
    python starter.py forecast SCENARIO.json         what comes after the scenario's end
    python starter.py demo                           `make run`

Exit status: 0 done, 1 something could not be done, 2 the input is invalid (one clear line on stderr).
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from domain.opening import InvalidTerms
from domain.policy import Policy
from domain.quoting import legible, named, quoted
from domain.scenario import FIELDS, InvalidScenario, Scenario, read_scenario
from domain.timeline import as_data, as_lines, final, final_line
from engine.leaving import INVALID, leave_as
from policies.load import InvalidPolicy, load

FILE_LIMIT = 20_000_000  # bytes; a thousand messages take 200,000
LINE_LIMIT = 2_000  # characters of a line on stderr
TRIES = 3  # of a play whose virtual clock went past its target; the server does that rarely, and says so

app = typer.Typer(
    help="Start subscriptions and tell their future.", no_args_is_help=True, pretty_exceptions_enable=False
)

ScenarioFile = Annotated[Path, typer.Argument(help="A scenario in the contract's format.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def simulate(
    file: ScenarioFile,
    as_json: AsJson = False,
    engine: Annotated[str, typer.Option(help="core: the decision code alone; temporal: the real workflow.")] = "core",
    world: Annotated[
        str,
        typer.Option(
            envvar="SIMULATE_WORLD",
            help="With the real workflow: simulated parties, or wire: the real adapters and stand-ins for the parties.",
        ),
    ] = "simulated",
) -> None:
    """Play a scenario in virtual time and print its timeline."""
    if engine not in ("core", "temporal"):
        _refuse(f"--engine {quoted(engine)}: expected core or temporal")
    if world not in ("simulated", "wire"):
        _refuse(f"--world {quoted(world)}: expected simulated or wire")
    scenario, policy = _scenario(file)
    if engine == "core":
        from domain.simulate import simulate as play

        try:
            played = play(scenario, policy)
        except InvalidTerms as error:
            _refuse(f"{file}: {error}")
        entries, ending = played.entries, final(played.state)
    else:
        entries, ending = _on_temporal(file, scenario, policy, "wire" if world == "wire" else "simulated")
    timezone = scenario.terms.customer.timezone
    if as_json:
        print(json.dumps({"timeline": as_data(entries, timezone), "final": ending}))
    else:
        if scenario.title:
            print(scenario.title)
        for line in as_lines(entries, timezone, scenario.terms.currency, coloured=sys.stdout.isatty()):
            print(line)
        print(f"\n{final_line(ending, scenario.terms.currency)}  (times in {timezone})")


@app.command()
def forecast(file: ScenarioFile, as_json: AsJson = False) -> None:
    """Play a scenario to its end, then tell what comes next: if nothing is paid, and if everything is."""
    from domain.forecast import forecast as foretell
    from domain.simulate import simulate as play

    scenario, policy = _scenario(file)
    try:
        state = play(scenario, policy).state
    except InvalidTerms as error:
        _refuse(f"{file}: {error}")
    futures = foretell(state, policy, scenario.until)
    timezone = state.timezone
    told = {"if_nothing_is_paid": futures.if_nothing_is_paid, "if_everything_is": futures.if_everything_is}
    if as_json:
        print(json.dumps({name: as_data(entries, timezone) for name, entries in told.items()}))
        return
    for name, entries in told.items():
        print(f"{name.replace('_', ' ').capitalize()}:")
        lines = as_lines(entries, timezone, state.currency, coloured=sys.stdout.isatty())
        print("\n".join(lines) if lines else "nothing more")
        print()


@app.command("check-policy")
def check_policy(file: Annotated[str, typer.Argument(help="A policy's name, or its file.")]) -> None:
    """Read a policy and say all that is wrong with it: file, line, value, what was expected."""
    try:
        policy = load(file)
    except InvalidPolicy as error:
        _refuse(str(error))
    print(f"{policy.name} version {policy.version}: {len(policy.ladder)} rungs, digest {policy.digest[:12]}")


@app.command()
def start(
    file: Annotated[Path, typer.Argument(help="One subscription (.json), or one on each line (.jsonl).")],
    policy: Annotated[str, typer.Option(help="Its policy, where the file does not say.")] = "",
    as_json: AsJson = False,
) -> None:
    """Start subscriptions: each once, however often it is asked."""
    from engine.starting import InvalidWanted, NotStarted, start_all

    wanted = _subscriptions(file, policy)
    try:
        started = asyncio.run(start_all(wanted, show=not as_json and sys.stderr.isatty()))
    except InvalidWanted as error:
        _refuse(str(error))
    except NotStarted as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps([{"id": s.id, "how": s.how} for s in started]))
    else:
        for how in ("started", "running", "ended"):
            ids = [s.id for s in started if s.how == how]
            if ids:
                print(f"{len(ids)} {how}: {', '.join(ids[:5])}{' ...' if len(ids) > 5 else ''}")


@app.command()
def demo(once: Annotated[bool, typer.Option("--once", help="End after showing.")] = False) -> None:
    """Servers, worker and a handful of lives on this machine, with the Temporal UI to look at them."""
    from engine.demo import show

    try:
        asyncio.run(show(once=once))
    except KeyboardInterrupt:
        print("\nStopped.")


def _scenario(file: Path) -> tuple[Scenario, Policy]:
    try:
        scenario = read_scenario(_json(file))
        return scenario, load(scenario.policy, file.parent)
    except InvalidScenario as error:
        _refuse(f"{file}: {error}")
    except InvalidPolicy as error:
        first, *more = str(error).splitlines()
        _refuse(f"{file}: {first}" + (f" (and {len(more)} more; `starter.py check-policy` lists them)" if more else ""))


def _subscriptions(file: Path, policy: str) -> list[dict[str, Any]]:
    """Each line's or the file's object: a `subscription` as in a scenario; with `policy` and, maybe, `contact`."""
    if file.suffix == ".jsonl":
        lines = enumerate(_text(file).splitlines(), start=1)
        said = [(f"{file}:{number}", _parsed(f"{file}:{number}", line)) for number, line in lines if line.strip()]
    else:
        said = [(str(file), _json(file))]
    wanted = []
    for place, one in said:
        if not isinstance(one, dict) or not isinstance(one.get("subscription"), dict):
            _refuse(f"{place}: expected an object with `subscription` and `policy`")
        unknown = sorted(set(one) - {*FIELDS, "contact"})
        if unknown:
            _refuse(f"{place}: {named(unknown[0])}: unknown field; expected {', '.join(FIELDS)} or contact")
        wanted.append(
            {
                "place": place,
                "policy": one.get("policy") or policy,
                "subscription": one["subscription"],
                "contact": one.get("contact") or {},
            }
        )
        if not wanted[-1]["policy"]:
            _refuse(f"{place}: policy: missing; say it in the file or with --policy")
        if not isinstance(wanted[-1]["policy"], str):
            _refuse(f"{place}: policy: {quoted(wanted[-1]['policy'])}: expected a policy's name or file")
    return wanted


def _json(file: Path) -> object:
    return _parsed(str(file), _text(file))


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_LIMIT + 1)
        if len(data) > FILE_LIMIT:
            _refuse(f"{file}: more than {FILE_LIMIT} bytes; expected at most so many")
        return data.decode()
    except OSError as error:
        _refuse(f"{file}: cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        _refuse(f"{file}: byte {error.start} is no UTF-8; expected UTF-8 text")


def _parsed(place: str, text: str) -> object:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        _refuse(f"{place}: {error}; expected JSON")
    except _NoNumber as error:
        _refuse(f"{place}: {error}; expected JSON")
    except (ValueError, RecursionError):
        _refuse(f"{place}: a number of 5000 digits, or lists in lists without end; expected JSON")


class _NoNumber(ValueError):
    """NaN or an infinity, which Python's reader takes for numbers."""


def _no_constant(name: str) -> NoReturn:
    raise _NoNumber(f"{name} is no JSON number")


def _on_temporal(
    file: Path, scenario: Scenario, policy: Policy, world: Literal["simulated", "wire"]
) -> tuple[Any, dict[str, object]]:
    from engine.enact import play
    from engine.stage import stage
    from engine.virtual_time import ClockOvershot, NotSettled

    async def on_stage() -> tuple[Any, dict[str, object]]:
        async with stage(world=world) as parts:
            return await play(parts, scenario, policy)

    for tries_left in reversed(range(TRIES)):
        try:
            return asyncio.run(on_stage())
        except InvalidTerms as error:
            _refuse(f"{file}: {error}")
        except (ClockOvershot, NotSettled) as error:
            if not tries_left:
                raise
            print(f"{error} Playing it again.", file=sys.stderr)
    raise AssertionError("unreachable")


def _refuse(why: str) -> NoReturn:
    """A file's name may be anything: whatever of it cannot be shown is shown as such."""
    print("\n".join(legible(line, LINE_LIMIT) for line in why.splitlines()), file=sys.stderr)
    raise typer.Exit(INVALID)


if __name__ == "__main__":
    try:
        app()
    except SystemExit as done:
        leave_as(done)
