"""
The format ``html``: one page without network, for a fleet of ten thousand hosts.

`data` reduces the report to what the page shows, each thing once; `page.js`
draws it.  Text of hosts reaches the page as JSON and becomes text nodes, never
markup, and the page's policy (CSP) allows its own script and style alone.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources

from preflight.model.report import Report
from preflight.report.encode import encode
from preflight.report.groups import total
from preflight.report.html.data import groups, head
from preflight.report.view import View


def render(report: Report, view: View) -> Iterator[str]:
    """Yield the page, a group of hosts at a time."""
    yield from page(_sum(report), report.started_at, _document(report, view))


def page(summary: str, when: str, document: Iterable[str]) -> Iterator[str]:
    """Yield the page that shows *document*, the JSON text that its script reads."""
    style, script = _part("page.css"), _part("page.js")
    policy = f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}"
    yield "<!DOCTYPE html>\n"
    yield '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="color-scheme" content="light dark">\n'
    yield f"<title>preflight: {html.escape(summary)}</title>\n"
    yield f"<style>{style}</style>\n</head>\n<body>\n<header><h1>preflight</h1>"
    yield f"<p>{html.escape(summary)}</p><p>{html.escape(when)}</p></header>\n"
    yield _part("page.html")
    yield '<script id="data" type="application/json">'
    yield from map(_inert, document)
    yield f"</script>\n<script>{script}</script>\n</body>\n</html>\n"


def _document(report: Report, view: View) -> Iterator[str]:
    """Yield the JSON text that the page's script reads."""
    results, host_groups = groups(report, explain=view.explain)
    yield f'{{"head":{encode(head(report))},"results":['
    yield from (f"{',' if number else ''}\n{text}" for number, text in enumerate(results))
    yield '],"groups":['
    yield from (f"{',' if number else ''}\n{encode(g)}" for number, g in enumerate(host_groups))
    yield "]}"


def _sum(report: Report) -> str:
    summary, of_what = total(report)
    counts = f"{summary.deployable:,} deployable, {summary.blocked:,} blocked, "
    counts += f"{summary.unknown:,} unknown"
    return f"{counts} — {of_what}" + (", cut off" if report.cut else "")


def _inert(text: str) -> str:
    """Return JSON text that HTML sees no tag or comment in."""
    return text.replace("<", "\\u003c")


@cache
def _part(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text("utf-8")


def _source(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
