"""The JSON Schema of a line of ``preflight.facts/1``."""

from __future__ import annotations

from typing import get_args

import msgspec

from preflight.model import facts_lines
from preflight.report.schema.forms import DIALECT, Schema


def facts_schema() -> Schema:
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
        "$schema": DIALECT,
        "$id": facts_lines.SCHEMA,
        "title": "a line of preflight facts, version 1",
        "anyOf": list(kinds),
        "$defs": definitions,
    }
