"""The JSON Schema of a manifest, made of the forms that its reader reads by."""

from __future__ import annotations

import re
from typing import Any

from preflight.judge.requirements import KINDS
from preflight.manifest.manifest import BINARIES
from preflight.manifest.waivers import FORM, REQUIRED
from preflight.model.form import PATH, Flag, Form, Record, Table, Text, Texts

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT = {"type": ["string", "number"]}


def manifest_schema() -> dict[str, Any]:
    """Return the schema of ``preflight.yaml``, read as YAML 1.1 reads it."""
    requires = {name: {"anyOf": [of(kind.form), {"type": "null"}]} for name, kind in KINDS.items()}
    return {
        "$schema": _DIALECT,
        "title": "preflight.yaml",
        **_object(
            {
                "binaries": of(BINARIES),
                "install_path": of(PATH),
                "start": _start(),
                "requires": _object(requires),
                "waivers": {"type": "array", "items": _waiver()},
            }
        ),
        "anyOf": [{"required": ["binaries"]}, {"required": ["requires"]}],
    }


def of(form: Form) -> dict[str, Any]:
    """Return the schema of one part."""
    match form:
        case Text():
            return _text(form)
        case Flag():
            return {"type": "boolean"}
        case Texts(item, alone):
            many = {"type": "array", "items": of(item), "uniqueItems": True}
            return {"anyOf": [of(item), many]} if alone else many
        case Record(keys):
            return _object({name: of(value) for name, value in keys.items()})
        case Table(key, value):
            names = {"pattern": f"^(?:{key.pattern})$"}
            return {
                "type": "object",
                "propertyNames": names,
                "additionalProperties": _or_nothing(value),
            }


def _or_nothing(form: Text | Texts | Record) -> dict[str, Any]:
    inner = of(form)
    return {"anyOf": [inner, {"type": "null"}]} if isinstance(form, Record) else inner


def _text(form: Text) -> dict[str, Any]:
    """Return the schema of a text; a number stands for its digits."""
    types = ["string"]
    if re.fullmatch(form.pattern, "7.5"):
        types.append("number")
    elif re.fullmatch(form.pattern, "7"):
        types.append("integer")
    zero = bool(re.fullmatch(form.pattern, "0"))
    schema: dict[str, Any] = {"type": types, "pattern": f"^(?:{form.pattern})$"}
    if len(types) > 1:
        schema["minimum"] = 0 if zero else 1
    return schema | {"examples": [form.example.split(" or ")[0].strip('"')]}


def _start() -> dict[str, Any]:
    return _object(
        {
            "install_path": of(PATH),
            "cwd": of(PATH),
            "run_as": _TEXT,
            "argv0": _TEXT,
            "secure": {"type": "boolean"},
            "env": {"type": ["object", "null"], "additionalProperties": _TEXT},
        }
    )


def _waiver() -> dict[str, Any]:
    schema = of(FORM) | {"type": "object", "required": list(REQUIRED)}
    # YAML reads a date without quotes as one.
    schema["properties"]["expires"] = {"format": "date"}
    return schema


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": False,
    }
