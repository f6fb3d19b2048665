"""The JSON Schema of ``preflight.audit/1``: objects may have more keys than named here."""

from __future__ import annotations

from typing import Any

import msgspec

from preflight.model.audited import Audited
from preflight.model.snapshot import Libc
from preflight.report.audit.document import AUDITED, FACTS, SCHEMA
from preflight.report.audit.drift import Drift
from preflight.report.audit.fleet import Outlier
from preflight.report.audit.rows import ROWS

_Schema = dict[str, Any]
_TEXT: _Schema = {"type": "string"}
_TEXT_OR_NULL: _Schema = {"type": ["string", "null"]}
_TEXTS: _Schema = {"type": "array", "items": _TEXT}
_TEXT_BY_NAME: _Schema = {"type": "object", "additionalProperties": _TEXT}


def audit_schema() -> _Schema:
    """Return the schema of ``preflight audit --format json``."""
    kinds = (Audited, Libc, Outlier, Drift)
    (_, libc, outlier, drift), definitions = msgspec.json.schema_components(
        kinds, ref_template="#/$defs/{name}"
    )
    audited = definitions.pop("Audited")["properties"]
    rows = {row.name: _TEXT_OR_NULL for row in ROWS}
    value = _object(
        schema={"const": SCHEMA},
        version=_TEXT,
        started_at={"type": "string", "format": "date-time", "pattern": "Z$"},
        hosts=_array(_host(libc, {name: audited[name] for name in AUDITED})),
        groups=_array(_object(hosts=_TEXTS, rows=_object(**rows), unknown=_TEXT_BY_NAME)),
        outliers=_array(outlier),
        drift={"anyOf": [{"type": "null"}, drift]},
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "preflight audit, version 1",
        **value,
        "$defs": definitions,
    }


def _host(libc: _Schema, audited: _Schema) -> _Schema:
    offers = _object(
        machine=_TEXT,
        libc=_TEXT,
        release=_TEXT_OR_NULL,
        nodes=_TEXT_BY_NAME,
        libraries=_TEXT_BY_NAME,
    )
    known = dict.fromkeys(FACTS, _TEXT_OR_NULL) | {"page_size": {"type": ["integer", "null"]}}
    facts = _object(
        **known,
        end_of_support=_TEXT_OR_NULL,
        libcs=_array(libc),
        offers=_array(offers),
        **audited,
        password_login={"type": ["boolean", "null"]},
    )
    return _object(
        name=_TEXT,
        address=_TEXT,
        groups=_TEXTS,
        status=_TEXT,
        cause=_TEXT_OR_NULL,
        reason=_TEXT_OR_NULL,
        facts={"anyOf": [{"type": "null"}, facts]},
        unknown=_TEXT_BY_NAME,
    )


def _object(**properties: _Schema) -> _Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _array(items: _Schema) -> _Schema:
    return {"type": "array", "items": items}
