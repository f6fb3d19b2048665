"""The JSON Schema of ``preflight.baseline/1``."""

from __future__ import annotations

from preflight.report.baseline import SCHEMA
from preflight.report.schema.forms import (
    COUNT,
    DIALECT,
    STRING,
    TEXT_OR_NULL,
    Schema,
    array,
    by_name,
    record,
    word_or_null,
)


def baseline_schema() -> Schema:
    """Return the schema of ``preflight baseline --format json``."""
    versions = by_name(array(STRING))
    share = {"type": "number", "minimum": 0, "maximum": 1}
    platform = record(
        machine=STRING,
        libc=word_or_null(("glibc", "musl")),
        hosts=COUNT,
        release=TEXT_OR_NULL,
        libraries=versions,
    )
    target = record(
        machine=STRING,
        libc=word_or_null(("glibc", "musl")),
        floor=TEXT_OR_NULL,
        cpu_level=TEXT_OR_NULL,
        hosts=COUNT,
        share=share,
    )
    value = record(
        schema={"const": SCHEMA},
        hosts=COUNT,
        left_out=array(STRING),
        machines=by_name(COUNT),
        kernel=TEXT_OR_NULL,
        cpu_level=TEXT_OR_NULL,
        page_sizes=array(COUNT),
        platforms=array(platform),
        targets=array(target),
    )
    title = "preflight baseline, version 1"
    return {"$schema": DIALECT, "$id": SCHEMA, "title": title, **value}
