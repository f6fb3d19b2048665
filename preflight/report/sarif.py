"""
The format ``sarif``: static analysis results, for code scanning and editors.

One result per binary and finding, with all hosts that have it.  Source:
OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from preflight.model.codes import CODES
from preflight.model.nodeset import fold
from preflight.model.report import Report
from preflight.model.text import encode as to_bytes
from preflight.model.text import printable
from preflight.report.causes import Cause, causes
from preflight.report.encode import encode
from preflight.report.told import headline, mends
from preflight.report.view import View

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_RESULTS = 5000  # code scanning shows no more of one run
_LEVELS = {"error": "error", "unknown": "warning", "warning": "note"}


def render(report: Report, view: View) -> Iterator[str]:  # noqa: ARG001 - a Format
    """Yield the log, a result at a time."""
    found = causes(report)
    codes = sorted({cause.finding.code for cause in found})
    paths = {needs.id: needs.path for needs in report.binaries}
    yield f'{{"$schema":"{_SCHEMA}","version":"2.1.0","runs":[{{'
    yield f'"tool":{encode(_tool(report, codes))},'
    yield f'"invocations":[{encode(_invocation(report, len(found)))}],'
    files = dict.fromkeys((needs.path, needs.sha256) for needs in report.binaries)
    artifacts = [_artifact(path, sha256) for path, sha256 in files]
    yield f'"artifacts":{encode(artifacts)},'
    yield '"results":['
    for number, cause in enumerate(found[:_RESULTS]):
        text = encode(_result(cause, paths[cause.binary], codes))
        yield f"{',' if number else ''}\n{text}"
    yield "]}]}\n"


def _tool(report: Report, codes: list[str]) -> dict[str, Any]:
    rules = [_rule(code) for code in codes]
    driver = {"name": "preflight", "version": report.version, "rules": rules}
    return {"driver": driver}


def _rule(code: str) -> dict[str, Any]:
    page = CODES.get(code)
    if page is None:  # of a report that a later release wrote
        return {"id": printable(code)}
    return {
        "id": code,
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.cause},
        "help": {"text": f"{page.remedy} On the host: {page.says}."},
    }


def _invocation(report: Report, results: int) -> dict[str, Any]:
    value: dict[str, Any] = {
        "executionSuccessful": report.cut is None and not report.missing,
        "startTimeUtc": report.started_at,
    }
    if results > _RESULTS:
        text = f"{results - _RESULTS} more results were left out"
        value["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": text}}]
    return value


def _artifact(path: str, sha256: str) -> dict[str, Any]:
    return {"location": {"uri": _uri(path)}, "hashes": {"sha-256": printable(sha256)}}


def _result(cause: Cause, path: str, codes: list[str]) -> dict[str, Any]:
    finding, hosts = cause.finding, printable(", ".join(fold(cause.hosts)))
    text = [f"{headline(finding)} on {hosts}", *map(printable, finding.evidence), *mends(finding)]
    value: dict[str, Any] = {
        "ruleId": printable(finding.code),
        "ruleIndex": codes.index(finding.code),
        "level": _LEVELS[finding.severity],
        "message": {"text": "\n".join(text)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(path)}}}],
        "partialFingerprints": {"preflight/v1": fingerprint(cause, path)},
        "properties": {"severity": finding.severity, "hosts": [*map(printable, cause.hosts)]},
    }
    if finding.waived is not None:  # SARIF 2.1.0, 3.35
        justification = printable(finding.waived.reason)
        value["suppressions"] = [{"kind": "external", "justification": justification}]
    return value


def fingerprint(cause: Cause, path: str) -> str:
    """Return what stays the same from run to run, whichever hosts have the finding."""
    same = (path, cause.finding.code, cause.finding.subject, cause.finding.needed_by or "")
    return hashlib.sha256(b"\0".join(map(to_bytes, same))).hexdigest()


def _uri(path: str) -> str:
    """Return a URI reference (RFC 3986): relative where the path is."""
    return quote(to_bytes(path.removeprefix("./")))
