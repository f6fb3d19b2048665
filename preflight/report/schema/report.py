"""The JSON Schema of ``preflight.report/1``."""

from __future__ import annotations

from typing import get_args

from preflight.model.report import GivenStart
from preflight.model.snapshot import CAUSES, HostKeyState, Status
from preflight.model.verdict import Outcome, Severity
from preflight.report.contract import SCHEMA
from preflight.report.schema.binary import binary, outlook, step
from preflight.report.schema.forms import (
    BOOL_OR_NULL,
    COUNT,
    DIALECT,
    MOMENT,
    STRING,
    TEXT_OR_NULL,
    Schema,
    array,
    by_name,
    record,
    word,
    word_or_null,
)


def report_schema() -> Schema:
    """Return the schema of the format ``json``; its ``$defs`` are those of ``jsonl``'s lines."""
    report = record(
        schema={"const": SCHEMA},
        version=STRING,
        started_at=MOMENT,
        elapsed_s={"type": "number", "minimum": 0},
        binaries=array({"$ref": "#/$defs/binary"}),
        hosts=array({"$ref": "#/$defs/host"}),
        verdicts=array({"$ref": "#/$defs/verdict"}),
        summary={"$ref": "#/$defs/summary"},
    )
    outlooks, floors = array({"$ref": "#/$defs/outlook"}), array(_what_if())
    report["properties"] |= _run() | {"releases": outlooks, "what_if": floors}
    return {
        "$schema": DIALECT,
        "$id": SCHEMA,
        "title": "preflight report, version 1",
        **report,
        "$defs": {
            "binary": binary(),
            "outlook": outlook(),
            "host": _host(),
            "verdict": _verdict(),
            "summary": record(deployable=COUNT, blocked=COUNT, unknown=COUNT),
        },
    }


def _run() -> dict[str, Schema]:
    """Return the members that only some reports have."""
    start = dict.fromkeys(GivenStart.__struct_fields__, STRING)
    start["env"] = by_name(STRING)
    return {
        "run": STRING,
        "shard": {"type": "string", "pattern": "^[0-9]+(,[0-9]+)*/[0-9]+$"},
        "resumed": STRING,
        "hosts_expected": COUNT,
        "start": {"type": "object", "properties": start},
    }


def _host() -> Schema:
    libc = record(interpreter=STRING, machine=STRING, family=STRING, version=TEXT_OR_NULL)
    facts = record(
        system=TEXT_OR_NULL,
        machine=TEXT_OR_NULL,
        kernel=TEXT_OR_NULL,
        os=TEXT_OR_NULL,
        libcs=array(libc),
        ldd_version=TEXT_OR_NULL,
        cpu_level=TEXT_OR_NULL,
        page_size={"type": ["integer", "null"], "minimum": 1},
    )
    return record(
        name=STRING,
        address=STRING,
        status=word(get_args(Status)),
        cause=word_or_null(CAUSES),
        reason=TEXT_OR_NULL,
        host_key=word_or_null(get_args(HostKeyState)),
        rounds=COUNT,
        facts=facts,
        facts_unknown=by_name(STRING),
    )


def _verdict() -> Schema:
    remedy = record(
        where=word(("host", "build")),
        text=STRING,
        command=TEXT_OR_NULL,
        certainty=word(("stated", "naming-rule")),
    )
    remedy["properties"] |= {
        "package": TEXT_OR_NULL,
        "installed": TEXT_OR_NULL,
        "candidate": TEXT_OR_NULL,
        "satisfies": BOOL_OR_NULL,
        "source": TEXT_OR_NULL,
    }
    finding = record(
        code=STRING,
        severity={"enum": list(get_args(Severity))},
        subject=STRING,
        needed_by=TEXT_OR_NULL,
        message=STRING,
        evidence=array(STRING),
        remedy=TEXT_OR_NULL,
    )
    schema = record(
        host=STRING,
        binary=STRING,
        path=STRING,
        outcome={"enum": list(get_args(Outcome))},
        predicted_error=TEXT_OR_NULL,
        predicted_exit={"type": ["integer", "null"]},
        findings=array(finding),
        loaded_by=TEXT_OR_NULL,
    )
    finding["properties"]["remedies"] = array(remedy)
    finding["properties"]["waived"] = record(
        reason=STRING, expires={"type": "string", "format": "date"}, place=STRING
    )
    schema["properties"]["proof"] = record(
        said=array(STRING),
        agrees=BOOL_OR_NULL,
        differences=array(STRING),
        not_proven=STRING,
        refused=TEXT_OR_NULL,
        left=TEXT_OR_NULL,
    )
    schema["properties"]["libraries"] = array(_library())
    return schema


def _library() -> Schema:
    tried = record(rule=STRING, path=STRING, result=STRING)
    schema = record(name=STRING, path=TEXT_OR_NULL, needed_by=array(STRING), rule=TEXT_OR_NULL)
    schema["properties"]["tried"] = array(tried)
    return schema


def _what_if() -> Schema:
    return record(
        binary=STRING,
        reasons=array(step()),
        steps=array(record(version=STRING, hosts=COUNT)),
        hosts=COUNT,
        not_won=array(record(code=STRING, subject=STRING, hosts=COUNT)),
    )
