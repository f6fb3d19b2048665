"""``preflight explain``: what a finding or an error message means, and how to mend it."""

from __future__ import annotations

import difflib
import re
import sys

import click

from preflight.errors import UsageError
from preflight.model.codes import CODES
from preflight.model.text import printable

_MESSAGE_CHARACTERS = 1 << 20
_CAUSES = 5  # that are shown of a log
_CODE = re.compile(r"[A-Za-z0-9_-]+")


class _Words(click.Command):
    """Takes all but a call for help as words: a message may begin with "-bash:"."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        call = [word for word in args if word in ctx.help_option_names][:1]
        words = args if "--" in args else ["--", *args]
        return super().parse_args(ctx, call or words)


def _codes_beginning(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    del ctx, param
    return [code for code in CODES if code.startswith(incomplete)]


@click.command("explain", cls=_Words)
@click.argument("words", nargs=-1, metavar="[CODE | MESSAGE | -]", shell_complete=_codes_beginning)
def command(words: tuple[str, ...]) -> None:
    """
    Say what the finding CODE, or an error MESSAGE of a host, means and how to mend it.

    A MESSAGE is pasted as it is, quoted for the shell; - reads it, or a whole
    log, from standard input.
    """
    if not words:
        _list_codes()
    elif words == ("-",):
        _explain_message(sys.stdin.read(_MESSAGE_CHARACTERS))
    elif len(words) == 1 and _CODE.fullmatch(words[0]) and not words[0].startswith("0x"):
        _explain_code(words[0].lower())
    else:
        _explain_message(" ".join(words))


def _list_codes() -> None:
    width = max(map(len, CODES))
    for name, page in CODES.items():
        click.echo(f"{name:{width}}  {page.title}")


def _explain_code(code: str) -> None:
    if code not in CODES:
        near = difflib.get_close_matches(code, CODES, 1)
        hint = f"preflight explain {near[0]}" if near else "preflight explain lists them"
        raise UsageError(f"no finding is called {code!r}", hint)
    page = CODES[code]
    click.echo(f"{code}: {page.title}\n")
    _paragraphs(Cause=page.cause, Says=page.says, Remedy=page.remedy)


def _explain_message(message: str) -> None:
    from preflight.messages import explain  # noqa: PLC0415

    found = explain(message)
    if not found:
        hint = "paste the line of the loader, the shell or systemd; preflight explain lists codes"
        raise UsageError("no line of this message is known", hint)
    for number, one in enumerate(found[:_CAUSES]):
        click.echo(f"{chr(10) * (number > 0)}{printable(one.line)}\n")
        _paragraphs(Means=printable(one.meaning), Next=printable(one.advice))
        if one.code is not None:
            click.echo(f"\nIn a report this is {one.code}: preflight explain {one.code}")
    if len(found) > _CAUSES:
        click.echo(f"\nand {len(found) - _CAUSES:,} more")


def _paragraphs(**texts: str) -> None:
    for heading, text in texts.items():
        click.echo(click.wrap_text(f"{heading}: {text}", 79, "", "  "))
