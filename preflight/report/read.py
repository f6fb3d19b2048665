"""
Reports read back: what the formats ``jsonl`` and ``json`` wrote becomes a `Report` again.

A file of JSON Lines may end before its run did; everything else that is not
whole is an error that names its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

import msgspec
from msgspec import Struct

from preflight.errors import ReportError
from preflight.model import codec
from preflight.model.report import Binary, Report, Run, Summary
from preflight.model.snapshot import Facts, HostKeyState, Snapshot, Status
from preflight.model.verdict import Verdict
from preflight.report.contract import SCHEMA
from preflight.report.kept import Kept

_HINT = "make one with: preflight check … --format jsonl=FILE"
_NEWER = "read it with the release of preflight that wrote it, or a newer one"
_SHARD = re.compile(r"[0-9]{1,6}(,[0-9]{1,6})*/[0-9]{1,6}")
_BYTE = re.compile(r" \(byte (\d+)\)")


class _Begin(Struct):
    """What the first line says, or the members of a JSON report that it is made of."""

    schema: str
    version: str
    started_at: str


class _Host(Struct):
    """A host as it stands in a report, of which words may grow."""

    name: str
    address: str
    status: str
    cause: str | None
    reason: str | None
    rounds: int
    facts: Facts
    facts_unknown: dict[str, str]
    host_key: str | None = None


class _End(Struct):
    """What the last line says."""

    elapsed_s: float
    summary: Summary


class _Elements(Struct):
    """The lists of a JSON report."""

    binaries: tuple[Binary, ...]
    hosts: tuple[_Host, ...]
    verdicts: tuple[Verdict, ...]


class _FormError(Exception):
    """What is wrong with a report, and what to do."""

    def __init__(self, reason: str, hint: str = _HINT) -> None:
        super().__init__(reason)
        self.hint = hint


_FAULTS = (_FormError, msgspec.MsgspecError, UnicodeError, RecursionError)


def read_report(lines: Iterable[bytes], name: str) -> Report:
    """
    Return the report in *lines*, of the file *name*; equal facts and findings are held once.

    Raises `ReportError`, ``name:line: …``, for what is damaged, of another
    schema, or no report.
    """
    left, reader, number = iter(lines), _Reader(), 0
    try:
        for number, line in enumerate(left, 1):
            if number == 1 and not _has_type(line):
                return _document(b"".join([line, *left]), name)
            if not line.endswith(b"\n") and not _is_json(line):
                return reader.report(f"{name}:{number}: the line is cut off")
            reader.take(codec.decode(line, dict[str, Any]))
    except _FAULTS as error:
        raise _error(error, f"{name}:{number}") from None
    if number == 0:
        raise ReportError(f"{name}: there is nothing in it", _HINT)
    return reader.report(f"{name}:{number + 1}: the file ends early")


def _document(text: bytes, name: str) -> Report:
    """Return the report of the format ``json``."""
    reader, place = _Reader(), name
    try:
        try:
            value = codec.decode(text, dict[str, Any])
        except msgspec.DecodeError as error:
            place = f"{name}:{_line_of(error, text)}"
            raise
        reader.begin(value)
        elements = msgspec.convert(value, _Elements)
        for binary in elements.binaries:
            reader.binary(binary)
        for host in elements.hosts:
            reader.host(host)
        for verdict in elements.verdicts:
            reader.verdict(verdict)
        reader.end(msgspec.convert(value, _End))
    except _FAULTS as error:
        raise _error(error, place) from None
    return reader.report("")


class _Reader:
    """What stood in the report so far."""

    def __init__(self) -> None:
        self._begin: _Begin | None = None
        self._end: _End | None = None
        self._run = Run()
        self._binaries: dict[str, Binary] = {}
        self._hosts: list[Snapshot] = []
        self._names: set[str] = set()
        self._verdicts: list[Verdict] = []
        self._kept = Kept(libraries=True)

    def take(self, value: dict[str, Any]) -> None:
        """Take in one line; what a later release adds is passed over."""
        match value.get("type"):
            case "run":
                self.begin(value)
            case _ if self._begin is None:
                raise _FormError("it is no report of preflight")
            case _ if self._end is not None:
                raise _FormError("there is something after the end")
            case "binary":
                self.binary(msgspec.convert(value, Binary))
            case "host":
                self.host(msgspec.convert(value, _Host))
            case "verdict":
                self.verdict(msgspec.convert(value, Verdict))
            case "summary":
                self.end(msgspec.convert(value, _End))

    def begin(self, value: dict[str, Any]) -> None:
        """Take in the first line; raises where it is no report of ours, or a second one."""
        schema = value.get("schema")
        if self._begin is not None:
            raise _FormError("another report begins", "give each report a file of its own")
        if not isinstance(schema, str):
            raise _FormError("it is no report of preflight")
        if schema != SCHEMA:
            raise _FormError(f"the schema is {schema!r}, not {SCHEMA!r}", _NEWER)
        self._begin = msgspec.convert(value, _Begin)
        self._run = msgspec.convert({**value, "id": value.get("run")}, Run)
        if self._run.shard is not None and not _SHARD.fullmatch(self._run.shard):
            raise _FormError(f"{self._run.shard!r} is no shard")

    def binary(self, binary: Binary) -> None:
        self._binaries[binary.id] = binary

    def host(self, host: _Host) -> None:
        """Take in a host, which verdicts below may name."""
        self._names.add(host.name)
        snapshot = Snapshot(
            host=host.name,
            address=host.address,
            status=cast(Status, host.status),
            cause=host.cause,
            reason=host.reason,
            host_key=cast(HostKeyState | None, host.host_key),
            rounds=host.rounds,
            facts=host.facts,
            facts_unknown=host.facts_unknown,
        )
        self._hosts.append(self._kept.snapshot(snapshot))

    def verdict(self, verdict: Verdict) -> None:
        """Take in a verdict; raises where no line above has its host and its binary."""
        if verdict.host not in self._names or verdict.binary not in self._binaries:
            pair = f"{verdict.binary!r} on {verdict.host!r}"
            raise _FormError(f"no line above has the binary, or the host, of the verdict {pair}")
        self._verdicts.append(self._kept.verdict(verdict))

    def end(self, end: _End) -> None:
        """Take in the last line; raises where it counted other verdicts than there are."""
        self._end = end
        if self._report(None).summary != end.summary:
            raise _FormError("the verdicts above are not those that the summary counted")

    def report(self, early: str) -> Report:
        """Return the report; *early* says where it ends, should that be too early."""
        if self._end is not None:
            return self._report(None)
        self._drop_half_a_host()
        return self._report(early)

    def _report(self, cut: str | None) -> Report:
        begin = self._begin or _Begin(SCHEMA, "", "")
        return Report(
            version=begin.version,
            started_at=begin.started_at,
            elapsed_s=self._end.elapsed_s if self._end else 0.0,
            binaries=tuple(self._binaries.values()),
            hosts=tuple(self._hosts),
            verdicts=tuple(self._verdicts),
            run=self._run,
            cut=cut,
        )

    def _drop_half_a_host(self) -> None:
        """Take back the last host where not all of its verdicts came."""
        if not self._hosts:
            return
        name, verdicts = self._hosts[-1].host, list(self._verdicts)
        while verdicts and verdicts[-1].host == name:
            verdicts.pop()
        if len(self._verdicts) - len(verdicts) < len(self._binaries):
            self._hosts.pop()
            self._verdicts = verdicts


def _has_type(line: bytes) -> bool:
    """Whether *line* is one of JSON Lines, and not the beginning of a document."""
    return _is_json(line) and "type" in codec.decode(line, dict[str, Any])


def _is_json(line: bytes) -> bool:
    try:
        codec.decode(line, dict[str, Any])
    except _FAULTS:
        return False
    return True


def _line_of(error: Exception, text: bytes) -> int:
    """Return the line that msgspec's message means; a text that is cut off ends in its last."""
    place = _BYTE.search(str(error))
    return text.count(b"\n", 0, int(place[1]) if place else len(text)) + 1


def _error(error: Exception, place: str) -> ReportError:
    if isinstance(error, _FormError):
        return ReportError(f"{place}: {error}", error.hint)
    return ReportError(f"{place}: not valid: {_BYTE.sub('', str(error))}", _HINT)
