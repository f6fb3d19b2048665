"""The format ``json``: the whole report as one document, indented for reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from preflight.model.report import Report
from preflight.report.contract import (
    SCHEMA,
    binary_json,
    host_json,
    summary_json,
    verdict_json,
)
from preflight.report.encode import encode
from preflight.report.view import View

_INDENT = 2


def render(report: Report, view: View) -> Iterator[str]:
    """Yield the document, an element at a time: a fleet's report is never one string."""
    yield "{\n"
    yield from _member("schema", SCHEMA)
    yield from _member("version", report.version)
    yield from _member("started_at", report.started_at)
    yield from _member("elapsed_s", round(report.elapsed_s, 3))
    yield from array("binaries", (binary_json(needs) for needs in report.binaries))
    yield ",\n"
    yield from array("hosts", (host_json(snapshot) for snapshot in report.hosts))
    yield ",\n"
    verdicts = (verdict_json(verdict, explain=view.explain) for verdict in report.verdicts)
    yield from array("verdicts", verdicts)
    yield ",\n"
    yield f'{" " * _INDENT}"summary": {_nested(summary_json(report), 1)}\n'
    yield "}\n"


def array(key: str, elements: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield one member of the document whose value is an array, without what follows it."""
    yield f'{" " * _INDENT}"{key}": ['
    separator = "\n"
    for element in elements:
        yield f"{separator}{' ' * 2 * _INDENT}{_nested(element, 2)}"
        separator = ",\n"
    yield "]" if separator == "\n" else f"\n{' ' * _INDENT}]"


def _member(key: str, value: Any) -> Iterator[str]:
    yield f'{" " * _INDENT}"{key}": {encode(value)},\n'


def _nested(value: Any, depth: int) -> str:
    return encode(value, _INDENT).replace("\n", "\n" + " " * depth * _INDENT)
