"""``preflight schema``: the JSON Schemas of what preflight writes and reads."""

from __future__ import annotations

import json

import click


@click.command("schema")
@click.argument(
    "name",
    type=click.Choice(["report", "facts", "baseline", "audit", "manifest"]),
    default="report",
)
def command(name: str) -> None:
    """Print the JSON Schema of reports (the default), facts, baselines, audits or manifests."""
    from preflight.manifest.schema import manifest_schema  # noqa: PLC0415
    from preflight.report import schema  # noqa: PLC0415
    from preflight.report.audit.schema import audit_schema  # noqa: PLC0415

    made = {
        "report": schema.report_schema,
        "facts": schema.facts_schema,
        "baseline": schema.baseline_schema,
        "manifest": manifest_schema,
        "audit": audit_schema,
    }
    click.echo(json.dumps(made[name](), indent=2))
