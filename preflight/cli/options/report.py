"""What is written, how much of it, and what it exits with."""

from __future__ import annotations

from typing import TypedDict

import click

from preflight.cli.options import option, several


class ReportOptions(TypedDict):
    """The values of `report_options`."""

    formats: tuple[str, ...]
    explain: bool
    quiet: int
    verbose: int
    fail_on: str | None
    exit_zero: bool


report_options = several(
    option(
        "--format",
        "formats",
        multiple=True,
        metavar="NAME[=FILE]",
        help="table (the default), json, jsonl, names, junit, github, gitlab, sarif, markdown,"
        " prometheus, html, ansible-limit; several from one run",
    ),
    option("--explain", is_flag=True, help="show each library, the rule that found it, and misses"),
    option("-q", "--quiet", count=True, help="failures and the summary only"),
    option("-v", "--verbose", count=True, help="all evidence"),
    option(
        "--fail-on",
        type=click.Choice(["warning", "unknown"]),
        help="exit 4 on warnings; exit 1 on unknown",
    ),
    option("--exit-zero", is_flag=True, help="exit 0 whatever the verdicts"),
)
