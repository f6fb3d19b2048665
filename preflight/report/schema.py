"""
The JSON Schemas of reports and facts files, for those who check or generate code for them.

Objects may have more keys than named here, and only closed enumerations are
an ``enum``: those that may grow list the words of today as ``examples``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import msgspec

from preflight.model import facts_lines
from preflight.model.elf import Endian
from preflight.model.estimate import Answer
from preflight.model.go import BuildMode, Linkage
from preflight.model.report import GivenStart
from preflight.model.requirements import Format
from preflight.model.runtime import RunTimeKind
from preflight.model.snapshot import CAUSES, HostKeyState, Status
from preflight.model.verdict import Outcome, Severity
from preflight.report import baseline
from preflight.report.contract import SCHEMA

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_Schema = dict[str, Any]

_STRING: _Schema = {"type": "string"}
_TEXT_OR_NULL: _Schema = {"type": ["string", "null"]}
_BOOL_OR_NULL: _Schema = {"type": ["boolean", "null"]}
_COUNT: _Schema = {"type": "integer", "minimum": 0}
_KINDS = ("executable", "static", "static-pie", "shared-object")


def report_schema() -> _Schema:
    """Return the schema of the format ``json``; its ``$defs`` are those of ``jsonl``'s lines."""
    report = _object(
        schema={"const": SCHEMA},
        version=_STRING,
        started_at={"type": "string", "format": "date-time", "pattern": "Z$"},
        elapsed_s={"type": "number", "minimum": 0},
        binaries=_array({"$ref": "#/$defs/binary"}),
        hosts=_array({"$ref": "#/$defs/host"}),
        verdicts=_array({"$ref": "#/$defs/verdict"}),
        summary={"$ref": "#/$defs/summary"},
    )
    outlooks, floors = _array({"$ref": "#/$defs/outlook"}), _array(_what_if())
    report["properties"] |= _run() | {"releases": outlooks, "what_if": floors}
    return {
        "$schema": _DIALECT,
        "$id": SCHEMA,
        "title": "preflight report, version 1",
        **report,
        "$defs": {
            "binary": _binary(),
            "outlook": _outlook(),
            "host": _host(),
            "verdict": _verdict(),
            "summary": _object(deployable=_COUNT, blocked=_COUNT, unknown=_COUNT),
        },
    }


def _what_if() -> _Schema:
    return _object(
        binary=_STRING,
        reasons=_array(_step()),
        steps=_array(_object(version=_STRING, hosts=_COUNT)),
        hosts=_COUNT,
        not_won=_array(_object(code=_STRING, subject=_STRING, hosts=_COUNT)),
    )


def baseline_schema() -> _Schema:
    """Return the schema of ``preflight baseline --format json``."""
    versions = {"type": "object", "additionalProperties": _array(_STRING)}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    platform = _object(
        machine=_STRING,
        libc=_open_or_null(("glibc", "musl")),
        hosts=_COUNT,
        release=_TEXT_OR_NULL,
        libraries=versions,
    )
    target = _object(
        machine=_STRING,
        libc=_open_or_null(("glibc", "musl")),
        floor=_TEXT_OR_NULL,
        cpu_level=_TEXT_OR_NULL,
        hosts=_COUNT,
        share=share,
    )
    value = _object(
        schema={"const": baseline.SCHEMA},
        hosts=_COUNT,
        left_out=_array(_STRING),
        machines={"type": "object", "additionalProperties": _COUNT},
        kernel=_TEXT_OR_NULL,
        cpu_level=_TEXT_OR_NULL,
        page_sizes=_array(_COUNT),
        platforms=_array(platform),
        targets=_array(target),
    )
    title = "preflight baseline, version 1"
    return {"$schema": _DIALECT, "$id": baseline.SCHEMA, "title": title, **value}


def facts_schema() -> _Schema:
    """
    Return the schema of any one line of a facts file.

    The form of each kind of line is its type's in `preflight.model`; bytes
    stand in base64.  That an id is true, and that the lines which one refers to
    stand above it, no schema can say.
    """
    lines = get_args(facts_lines.Line)
    kinds, definitions = msgspec.json.schema_components(
        (facts_lines.Header, *lines), ref_template="#/$defs/{name}"
    )
    for line in lines:
        form = definitions[line.__name__]
        form["properties"] = {"id": {"type": "string", "pattern": "^[0-9a-f]{32}$"}} | form[
            "properties"
        ]
        form["required"] = ["id", *form["required"]]
    definitions["Header"]["properties"]["schema"] = {"const": facts_lines.SCHEMA}
    return {
        "$schema": _DIALECT,
        "$id": facts_lines.SCHEMA,
        "title": "a line of preflight facts, version 1",
        "anyOf": list(kinds),
        "$defs": definitions,
    }


def _run() -> dict[str, _Schema]:
    """Return the members that only some reports have."""
    start = dict.fromkeys(GivenStart.__struct_fields__, _STRING)
    start["env"] = {"type": "object", "additionalProperties": _STRING}
    return {
        "run": _STRING,
        "shard": {"type": "string", "pattern": "^[0-9]+(,[0-9]+)*/[0-9]+$"},
        "resumed": _STRING,
        "hosts_expected": _COUNT,
        "start": {"type": "object", "properties": start},
    }


def _outlook() -> _Schema:
    """Return what ``inspect --releases`` adds for each binary."""
    estimate = _object(
        name=_STRING,
        id=_TEXT_OR_NULL,
        version=_TEXT_OR_NULL,
        measured={"type": "boolean"},
        answer={"enum": list(get_args(Answer))},
        reasons=_array(_object(text=_STRING, has=_STRING)),
        packages=_array(_STRING),
        conditions=_array(_STRING),
    )
    return _object(
        binary=_STRING,
        certainty={"const": "estimate"},
        note=_TEXT_OR_NULL,
        estimates=_array(estimate),
    )


def _binary() -> _Schema:
    version_need = _object(library=_STRING, versions=_array(_STRING), weak=_array(_STRING))
    floor = _object(version=_STRING, symbols=_array(_STRING))
    script = _object(interpreter=_STRING, argument=_TEXT_OR_NULL)
    go = _object(
        release=_STRING,
        package=_STRING,
        module=_TEXT_OR_NULL,
        version=_TEXT_OR_NULL,
        linkage=_open_or_null(get_args(Linkage)),
        reasons=_array(_STRING),
        build_mode=_open_or_null(get_args(BuildMode)),
        settings={"type": "object", "additionalProperties": _STRING},
    )
    later = _object(
        sonames=_array(_STRING),
        priority={"enum": ["required", "recommended", "suggested"]},
        feature=_STRING,
        description=_STRING,
    )
    foreign = _object(
        machines=_array(_STRING),
        runtime=_TEXT_OR_NULL,
        minimum_os=_TEXT_OR_NULL,
        imports=_array(_STRING),
        optional=_array(_STRING),
        search=_array(_STRING),
        entry=_TEXT_OR_NULL,
        native=_array(_STRING),
        defect=_TEXT_OR_NULL,
    )
    return _object(
        id=_STRING,
        path=_STRING,
        member_of=_TEXT_OR_NULL,
        sha256=_STRING,
        format=_open(get_args(Format)),
        machine=_TEXT_OR_NULL,
        bits={"enum": [32, 64, None]},
        endian={"enum": [*get_args(Endian), None]},
        kind=_open_or_null(_KINDS),
        interpreter=_TEXT_OR_NULL,
        libc=_open_or_null(("glibc", "musl")),
        soname=_TEXT_OR_NULL,
        needed=_array(_STRING),
        rpath=_array(_STRING),
        runpath=_array(_STRING),
        flags=_array(_STRING),
        version_needs=_array(version_need),
        version_defs=_array(_STRING),
        glibc_floor={"anyOf": [floor, {"type": "null"}]},
        build_id=_TEXT_OR_NULL,
        abi_note=_TEXT_OR_NULL,
        x86_isa_needed=_TEXT_OR_NULL,
        exec_stack=_BOOL_OR_NULL,
        size_bytes=_COUNT,
        description=_STRING,
        script={"anyOf": [script, {"type": "null"}]},
        go={"anyOf": [go, {"type": "null"}]},
        glibc_steps=_array(_step()),
        glibcxx_steps=_array(_step()),
        toolchain=_array(_object(name=_TEXT_OR_NULL, version=_TEXT_OR_NULL, text=_STRING)),
        runtime_needs=_array(
            _object(kind=_open(get_args(RunTimeKind)), because=_STRING, places=_array(_STRING))
        ),
        dlopen=_array(later),
        foreign={"anyOf": [foreign, {"type": "null"}]},
    )


def _host() -> _Schema:
    libc = _object(interpreter=_STRING, machine=_STRING, family=_STRING, version=_TEXT_OR_NULL)
    facts = _object(
        system=_TEXT_OR_NULL,
        machine=_TEXT_OR_NULL,
        kernel=_TEXT_OR_NULL,
        os=_TEXT_OR_NULL,
        libcs=_array(libc),
        ldd_version=_TEXT_OR_NULL,
        cpu_level=_TEXT_OR_NULL,
        page_size={"type": ["integer", "null"], "minimum": 1},
    )
    return _object(
        name=_STRING,
        address=_STRING,
        status=_open(get_args(Status)),
        cause=_open_or_null(CAUSES),
        reason=_TEXT_OR_NULL,
        host_key=_open_or_null(get_args(HostKeyState)),
        rounds=_COUNT,
        facts=facts,
        facts_unknown={"type": "object", "additionalProperties": _STRING},
    )


def _verdict() -> _Schema:
    remedy = _object(
        where=_open(("host", "build")),
        text=_STRING,
        command=_TEXT_OR_NULL,
        certainty=_open(("stated", "naming-rule")),
    )
    remedy["properties"] |= {
        "package": _TEXT_OR_NULL,
        "installed": _TEXT_OR_NULL,
        "candidate": _TEXT_OR_NULL,
        "satisfies": _BOOL_OR_NULL,
        "source": _TEXT_OR_NULL,
    }
    finding = _object(
        code=_STRING,
        severity={"enum": list(get_args(Severity))},
        subject=_STRING,
        needed_by=_TEXT_OR_NULL,
        message=_STRING,
        evidence=_array(_STRING),
        remedy=_TEXT_OR_NULL,
    )
    schema = _object(
        host=_STRING,
        binary=_STRING,
        path=_STRING,
        outcome={"enum": list(get_args(Outcome))},
        predicted_error=_TEXT_OR_NULL,
        predicted_exit={"type": ["integer", "null"]},
        findings=_array(finding),
        loaded_by=_TEXT_OR_NULL,
    )
    finding["properties"]["remedies"] = _array(remedy)
    finding["properties"]["waived"] = _object(
        reason=_STRING, expires={"type": "string", "format": "date"}, place=_STRING
    )
    schema["properties"]["proof"] = _object(
        said=_array(_STRING),
        agrees=_BOOL_OR_NULL,
        differences=_array(_STRING),
        not_proven=_STRING,
        refused=_TEXT_OR_NULL,
        left=_TEXT_OR_NULL,
    )
    schema["properties"]["libraries"] = _array(_library())
    return schema


def _library() -> _Schema:
    step = _object(rule=_STRING, path=_STRING, result=_STRING)
    schema = _object(
        name=_STRING, path=_TEXT_OR_NULL, needed_by=_array(_STRING), rule=_TEXT_OR_NULL
    )
    schema["properties"]["tried"] = _array(step)
    return schema


def _step() -> _Schema:
    return _object(version=_STRING, symbols=_array(_STRING), count=_COUNT)


def _object(**properties: _Schema) -> _Schema:
    """Return an object in which all of these keys are required, and others allowed."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _array(items: _Schema) -> _Schema:
    return {"type": "array", "items": items}


def _open(words: Iterable[str]) -> _Schema:
    return {"type": "string", "examples": list(words)}


def _open_or_null(words: Iterable[str]) -> _Schema:
    return {"type": ["string", "null"], "examples": list(words)}
