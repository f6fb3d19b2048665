"""Writes the manual page docs/preflight.1 from the commands: python -m docs.make_man."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from preflight import __version__
from preflight.cli import cli

PAGE = Path(__file__).with_name("preflight.1")
COMMANDS = Path(__file__).with_name("commands.md")
_STATUS = re.compile(r"^\| ([\d /]+) \| (.+) \|$", re.MULTILINE)

_HEAD = """.\\" Written by python -m docs.make_man; change the commands, not this.
.TH PREFLIGHT 1 "" "preflight {version}" "User Commands"
.SH NAME
preflight \\- say for every host of a fleet whether a binary will start there
.SH SYNOPSIS
.B preflight
.I COMMAND
.RI [ OPTIONS ]
.RI [ ARGUMENTS ]
.SH DESCRIPTION
Before a rollout
.B preflight
reads what a program needs, asks each host over SSH what it really has, and does what the host's own
kernel and dynamic loader would do.
The answer is
.IR deployable ,
.I blocked
with the loader's own first line, or
.I unknown
with the reason.
.SH COMMANDS
"""
_FOOT = """.SH ENVIRONMENT
.TP
.BI PREFLIGHT_ OPTION
Every option reads a variable of its long name, as
.B PREFLIGHT_KNOWN_HOSTS
for
.BR \\-\\-known\\-hosts .
The command line wins.
.TP
.BR NO_COLOR ", " FORCE_COLOR ", " COLUMNS ", " TERM
As elsewhere; under
.B CI
no line moves.
.SH FILES
.TP
.I inventory.yaml
The inventory where neither
.B \\-i
nor
.B PREFLIGHT_INVENTORY
names one.
.TP
.I preflight.yaml
What the application in the working directory needs of a host.
.TP
.IR preflight.toml ", " pyproject.toml
Defaults of the options of a project; in the latter the table
.BR [tool.preflight] .
.TP
.I $XDG_CACHE_HOME/preflight
The library store: what libraries contain, by their SHA-256.
.TP
.I $XDG_STATE_HOME/preflight
The run files that
.B \\-\\-resume
and
.B \\-\\-rerun
read.
.SH SEE ALSO
.BR ld.so (8),
.BR ldd (1),
.BR ssh (1),
.BR ssh_config (5)
"""


def man_page() -> str:
    """Return the page in roff.  Source: man(7), groff_man_style(7)."""
    context = cli.make_context("preflight", [], resilient_parsing=True)
    parts = [_HEAD.format(version=_roff(__version__))]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None:
            parts += _command(
                command, command.make_context(name, [], context, resilient_parsing=True)
            )
    return "".join((*parts, *_statuses(), _FOOT))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join(piece for piece in command.collect_usage_pieces(context) if piece)
    yield f".SS preflight {_roff(command.name or '')}\n.B preflight {_roff(command.name or '')}\n"
    yield f"{_line(usage)}\n"
    for paragraph in (command.help or "").split("\n\n"):
        yield f".PP\n{_line(' '.join(paragraph.split()))}\n"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and isinstance(parameter, click.Option):
            option, text = record
            yield f".TP\n.B {_roff(option)}\n{_line(' '.join(text.split()))}\n"


def _statuses() -> Iterable[str]:
    """Yield the table of docs/commands.md, which the tests of the statuses read, too."""
    yield ".SH EXIT STATUS\n"
    for status, meaning in _STATUS.findall(COMMANDS.read_text("utf-8")):
        plain = meaning.replace("`", "").replace("\\|", "|")
        yield f".TP\n.B {_roff(status)}\n{_line(plain)}\n"


def _line(text: str) -> str:
    """Return a line of text that is no request, whatever it begins with."""
    return ("\\&" if text[:1] in (".", "'") else "") + _roff(text)


def _roff(text: str) -> str:
    """Return *text* in roff's own letters: a dash that can be copied, a backslash that is one."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return (
        escaped.replace("`", "\\(ga")
        .replace("^", "\\(ha")
        .replace("~", "\\(ti")
        .replace("…", "...")
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(man_page(), "utf-8")


if __name__ == "__main__":
    main()
