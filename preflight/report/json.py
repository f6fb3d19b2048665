"""The format ``json``: the whole report as one document, indented for reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from preflight.model.report import Binary, Report
from preflight.model.requirements import Requirements
from preflight.report.contract import SCHEMA, binary_json, run_json, summary_json
from preflight.report.elements import Elements
from preflight.report.encode import encode
from preflight.report.view import View
from preflight.report.whatif import what_if, what_if_json

_INDENT = 2


def render(report: Report, view: View) -> Iterator[str]:
    """Yield the document, an element at a time: a fleet's report is never one string."""
    yield "{\n"
    yield from _member("schema", SCHEMA)
    yield from _member("version", report.version)
    yield from _member("started_at", report.started_at)
    yield from _member("elapsed_s", round(report.elapsed_s, 3))
    for key, value in run_json(report.run).items():
        yield f'{" " * _INDENT}"{key}": {_nested(value, 1)},\n'
    elements = Elements(explain=view.explain, indent=_INDENT, depth=2)
    yield from array("binaries", binaries(report.binaries))
    yield ",\n"
    yield from array("hosts", map(elements.host, report.hosts))
    yield ",\n"
    yield from array("verdicts", map(elements.verdict, report.verdicts))
    yield ",\n"
    yield from array("what_if", (_nested(what_if_json(found), 2) for found in what_if(report)))
    yield ",\n"
    yield f'{" " * _INDENT}"summary": {_nested(summary_json(report.summary), 1)}\n'
    yield "}\n"


def binaries(all_needs: Iterable[Requirements | Binary]) -> Iterator[str]:
    """Yield the elements of ``binaries``."""
    return (_nested(binary_json(needs), 2) for needs in all_needs)


def array(key: str, elements: Iterable[str]) -> Iterator[str]:
    """Yield one member of the document whose value is an array, without what follows it."""
    yield f'{" " * _INDENT}"{key}": ['
    separator = "\n"
    for element in elements:
        yield f"{separator}{' ' * 2 * _INDENT}{element}"
        separator = ",\n"
    yield "]" if separator == "\n" else f"\n{' ' * _INDENT}]"


def _member(key: str, value: Any) -> Iterator[str]:
    yield f'{" " * _INDENT}"{key}": {encode(value)},\n'


def _nested(value: Any, depth: int) -> str:
    return encode(value, _INDENT).replace("\n", "\n" + " " * depth * _INDENT)
