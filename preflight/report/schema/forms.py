"""What the schemas are made of: texts, numbers, lists, and objects that may grow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
STRING: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
BOOL_OR_NULL: Schema = {"type": ["boolean", "null"]}
COUNT: Schema = {"type": "integer", "minimum": 0}
MOMENT: Schema = {"type": "string", "format": "date-time", "pattern": "Z$"}


def record(**properties: Schema) -> Schema:
    """Return an object in which all of these keys are required, and others allowed."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def array(items: Schema) -> Schema:
    """Return a list of *items*."""
    return {"type": "array", "items": items}


def by_name(values: Schema) -> Schema:
    """Return an object of any keys, each with such a value."""
    return {"type": "object", "additionalProperties": values}


def or_null(schema: Schema) -> Schema:
    """Return what is *schema* or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def word(words: Iterable[str]) -> Schema:
    """Return a text that is one of *words* today; more may come."""
    return {"type": "string", "examples": list(words)}


def word_or_null(words: Iterable[str]) -> Schema:
    """Return the same, or null."""
    return {"type": ["string", "null"], "examples": list(words)}
