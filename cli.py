"""The hand of support and operators: find, show, say, move. Every command takes --json; `python cli.py --help`.

Exit status: 0 done, 1 refused or not possible (the reason is on stderr), 2 the command line is wrong.
"""

from __future__ import annotations

import typer

from commands import keys, letters, money, outside, reading, reconciling, saying, steering, tables
from engine.leaving import leave_as

app = typer.Typer(
    help="Find, show, say, move: for support and operators.", no_args_is_help=True, pretty_exceptions_enable=False
)
for subject in (reading, steering, money, outside, letters, reconciling, saying, keys, tables):
    app.add_typer(subject.app)

if __name__ == "__main__":
    try:
        app(prog_name="cli.py")
    except SystemExit as done:
        leave_as(done)
