"""``preflight explain``: what a finding means and how to mend it."""

from __future__ import annotations

import difflib

import click

from preflight.errors import UsageError
from preflight.model.codes import CODES


@click.command("explain")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Say what the finding CODE means, how the host says it, and how to mend it."""
    if code is None:
        width = max(map(len, CODES))
        for name, page in CODES.items():
            click.echo(f"{name:{width}}  {page.title}")
        return
    code = code.lower()
    if code not in CODES:
        near = difflib.get_close_matches(code, CODES, 1)
        hint = f"preflight explain {near[0]}" if near else "preflight explain lists them"
        raise UsageError(f"no finding is called {code!r}", hint)
    page = CODES[code]
    click.echo(f"{code}: {page.title}\n")
    for heading, text in (("Cause", page.cause), ("Says", page.says), ("Remedy", page.remedy)):
        click.echo(click.wrap_text(f"{heading}: {text}", 79, "", "  "))
