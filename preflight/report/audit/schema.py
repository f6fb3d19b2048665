"""The JSON Schema of ``preflight.audit/1``: objects may have more keys than named here."""

from __future__ import annotations

import msgspec

from preflight.model.audited import Audited
from preflight.model.snapshot import Libc
from preflight.report.audit.document import AUDITED, FACTS, SCHEMA
from preflight.report.audit.drift import Drift
from preflight.report.audit.fleet import Outlier
from preflight.report.audit.rows import ROWS
from preflight.report.schema.forms import (
    BOOL_OR_NULL,
    DIALECT,
    MOMENT,
    STRING,
    TEXT_OR_NULL,
    Schema,
    array,
    by_name,
    record,
)

_TEXTS = array(STRING)
_TEXT_BY_NAME = by_name(STRING)


def audit_schema() -> Schema:
    """Return the schema of ``preflight audit --format json``."""
    kinds = (Audited, Libc, Outlier, Drift)
    (_, libc, outlier, drift), definitions = msgspec.json.schema_components(
        kinds, ref_template="#/$defs/{name}"
    )
    audited = definitions.pop("Audited")["properties"]
    rows = {row.name: TEXT_OR_NULL for row in ROWS}
    value = record(
        schema={"const": SCHEMA},
        version=STRING,
        started_at=MOMENT,
        hosts=array(_host(libc, {name: audited[name] for name in AUDITED})),
        groups=array(record(hosts=_TEXTS, rows=record(**rows), unknown=_TEXT_BY_NAME)),
        outliers=array(outlier),
        drift={"anyOf": [{"type": "null"}, drift]},
    )
    return {
        "$schema": DIALECT,
        "$id": SCHEMA,
        "title": "preflight audit, version 1",
        **value,
        "$defs": definitions,
    }


def _host(libc: Schema, audited: Schema) -> Schema:
    offers = record(
        machine=STRING,
        libc=STRING,
        release=TEXT_OR_NULL,
        nodes=_TEXT_BY_NAME,
        libraries=_TEXT_BY_NAME,
    )
    known = dict.fromkeys(FACTS, TEXT_OR_NULL) | {"page_size": {"type": ["integer", "null"]}}
    facts = record(
        **known,
        end_of_support=TEXT_OR_NULL,
        libcs=array(libc),
        offers=array(offers),
        **audited,
        password_login=BOOL_OR_NULL,
    )
    return record(
        name=STRING,
        address=STRING,
        groups=_TEXTS,
        status=STRING,
        cause=TEXT_OR_NULL,
        reason=TEXT_OR_NULL,
        facts={"anyOf": [{"type": "null"}, facts]},
        unknown=_TEXT_BY_NAME,
    )
