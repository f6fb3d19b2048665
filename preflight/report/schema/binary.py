"""What the schema of a report says of a binary."""

from __future__ import annotations

from typing import get_args

from preflight.model.elf import Endian
from preflight.model.estimate import Answer
from preflight.model.go import BuildMode, Linkage
from preflight.model.requirements import Format
from preflight.model.runtime import RunTimeKind
from preflight.report.schema.forms import (
    BOOL_OR_NULL,
    COUNT,
    STRING,
    TEXT_OR_NULL,
    Schema,
    array,
    by_name,
    or_null,
    record,
    word,
    word_or_null,
)

_KINDS = ("executable", "static", "static-pie", "shared-object")


def binary() -> Schema:
    """Return the schema of what one binary is and needs."""
    version_need = record(library=STRING, versions=array(STRING), weak=array(STRING))
    floor = record(version=STRING, symbols=array(STRING))
    script = record(interpreter=STRING, argument=TEXT_OR_NULL)
    go = record(
        release=STRING,
        package=STRING,
        module=TEXT_OR_NULL,
        version=TEXT_OR_NULL,
        linkage=word_or_null(get_args(Linkage)),
        reasons=array(STRING),
        build_mode=word_or_null(get_args(BuildMode)),
        settings=by_name(STRING),
    )
    later = record(
        sonames=array(STRING),
        priority={"enum": ["required", "recommended", "suggested"]},
        feature=STRING,
        description=STRING,
    )
    foreign = record(
        machines=array(STRING),
        runtime=TEXT_OR_NULL,
        minimum_os=TEXT_OR_NULL,
        imports=array(STRING),
        optional=array(STRING),
        search=array(STRING),
        entry=TEXT_OR_NULL,
        native=array(STRING),
        defect=TEXT_OR_NULL,
    )
    return record(
        id=STRING,
        path=STRING,
        member_of=TEXT_OR_NULL,
        sha256=STRING,
        format=word(get_args(Format)),
        machine=TEXT_OR_NULL,
        bits={"enum": [32, 64, None]},
        endian={"enum": [*get_args(Endian), None]},
        kind=word_or_null(_KINDS),
        interpreter=TEXT_OR_NULL,
        libc=word_or_null(("glibc", "musl")),
        soname=TEXT_OR_NULL,
        needed=array(STRING),
        rpath=array(STRING),
        runpath=array(STRING),
        flags=array(STRING),
        version_needs=array(version_need),
        version_defs=array(STRING),
        glibc_floor=or_null(floor),
        build_id=TEXT_OR_NULL,
        abi_note=TEXT_OR_NULL,
        x86_isa_needed=TEXT_OR_NULL,
        exec_stack=BOOL_OR_NULL,
        size_bytes=COUNT,
        description=STRING,
        script=or_null(script),
        go=or_null(go),
        glibc_steps=array(step()),
        glibcxx_steps=array(step()),
        toolchain=array(record(name=TEXT_OR_NULL, version=TEXT_OR_NULL, text=STRING)),
        runtime_needs=array(
            record(kind=word(get_args(RunTimeKind)), because=STRING, places=array(STRING))
        ),
        dlopen=array(later),
        foreign=or_null(foreign),
    )


def outlook() -> Schema:
    """Return what ``inspect --releases`` adds for each binary."""
    estimate = record(
        name=STRING,
        id=TEXT_OR_NULL,
        version=TEXT_OR_NULL,
        measured={"type": "boolean"},
        answer={"enum": list(get_args(Answer))},
        reasons=array(record(text=STRING, has=STRING)),
        packages=array(STRING),
        conditions=array(STRING),
    )
    return record(
        binary=STRING,
        certainty={"const": "estimate"},
        note=TEXT_OR_NULL,
        estimates=array(estimate),
    )


def step() -> Schema:
    """Return the schema of one release that holds a floor up."""
    return record(version=STRING, symbols=array(STRING), count=COUNT)
