"""``preflight schema``: the JSON Schemas of what preflight writes."""

from __future__ import annotations

import json

import click


@click.command("schema")
@click.argument("name", type=click.Choice(["report", "facts"]), default="report")
def command(name: str) -> None:
    """Print the JSON Schema of reports (the default) or of facts files."""
    from preflight.report.schema import facts_schema, report_schema  # noqa: PLC0415

    schema = report_schema() if name == "report" else facts_schema()
    click.echo(json.dumps(schema, indent=2))
