"""
Reports: a `Report` becomes text, for people or for programs.

`FORMATS` lists them.  A format is one function `render(report, view)` in a
file of its own, which yields text and neither prints nor asks the terminal
or the environment; to add one, write the file and add its name here.  A file is
imported when its format is wanted.
`contract` holds the JSON report's values, `schema` their JSON Schema.
`inspect` and `hosts` show what the commands of these names do.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from preflight.model.report import Report
from preflight.report.view import Format, View

__all__ = ["FORMATS", "Format", "View"]


def _format(name: str) -> Format:
    def render(report: Report, view: View) -> Iterator[str]:
        module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
        pieces: Iterator[str] = module.render(report, view)
        return pieces

    return render


FORMATS: dict[str, Format] = {
    name: _format(name)
    for name in (
        *("table", "json", "jsonl", "names"),
        *("junit", "github", "gitlab", "sarif", "markdown", "prometheus", "html"),
        "ansible-limit",
    )
}
