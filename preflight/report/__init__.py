"""
Reports: a `Report` becomes text, for people or for programs.

`FORMATS` lists them.  A format is one function `render(report, view)` in a
file of its own, which yields text and neither prints nor asks the terminal
or the environment; to add one, write the file and add its line here.
`contract` holds the JSON report's values, `schema` their JSON Schema.
`inspect` and `hosts` show what the commands of these names do.
"""

from __future__ import annotations

from preflight.report import (
    ansible_limit,
    github,
    gitlab,
    html,
    json,
    jsonl,
    junit,
    markdown,
    names,
    prometheus,
    sarif,
    table,
)
from preflight.report.view import Format, View

__all__ = ["FORMATS", "Format", "View"]

FORMATS: dict[str, Format] = {
    "table": table.render,
    "json": json.render,
    "jsonl": jsonl.render,
    "names": names.render,
    "junit": junit.render,
    "github": github.render,
    "gitlab": gitlab.render,
    "sarif": sarif.render,
    "markdown": markdown.render,
    "prometheus": prometheus.render,
    "html": html.render,
    "ansible-limit": ansible_limit.render,
}
