"""``preflight report``: reports that were written earlier, read, put together and shown again."""

from __future__ import annotations

from typing import Unpack

import click

from preflight.cli.exits import Exit, exit_of
from preflight.cli.options.report import ReportOptions, report_options


@click.command("report")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@report_options
def command(files: tuple[str, ...], **values: Unpack[ReportOptions]) -> int:
    """
    Show reports again, several as one.

    FILE is what --format jsonl or json wrote, also of a run that was cut off,
    or '-', or the id of a run, or 'last'.
    """
    from preflight.cli.output import (  # noqa: PLC0415
        parse_formats,
        refuse_to_overwrite,
        settle,
        write_reports,
    )
    from preflight.cli.runs import read_run  # noqa: PLC0415
    from preflight.cli.voice import warn  # noqa: PLC0415
    from preflight.report.merge import merge  # noqa: PLC0415

    formats = parse_formats(values["formats"])
    parts = [read_run(file) for file in dict.fromkeys(files)]
    refuse_to_overwrite(
        [part.name for part in parts], [(f"--format {name}", file) for name, file in formats]
    )
    merged = merge(parts)
    for gap in merged.gaps:
        warn(gap)
    verbosity = values["verbose"] - values["quiet"]
    settle(write_reports(merged.report, formats, explain=values["explain"], verbosity=verbosity))
    if values["exit_zero"]:
        return Exit.DEPLOYABLE
    return exit_of(merged.report, values["fail_on"], gaps=bool(merged.gaps))
