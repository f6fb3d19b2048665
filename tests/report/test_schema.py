"""The schema accepts every report that the formats produce, and refuses what breaks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from preflight.report import FORMATS, View
from preflight.report.schema import report_schema
from tests.builders.report import (
    binary,
    finding,
    lost_host,
    missing_library,
    not_probed,
    report,
    verdict,
)

MANUAL = Path(__file__).parents[2] / "docs" / "report.md"
VALIDATOR = Draft202012Validator(report_schema())


def document() -> dict:
    """Return a report with a bit of everything."""
    given = report(
        [
            verdict("a", finding(), predicted_exit=127, libraries=(missing_library(),)),
            verdict("b", not_probed()),
            verdict("a", number=2),
        ],
        binaries=[binary(), binary("run.sh", 2, format="script", elf=None, libc=None)],
        hosts=[lost_host("b")],
    )
    return json.loads("".join(FORMATS["json"](given, View(explain=True))))


def test_schema_is_a_schema():
    """The document itself is valid by its own dialect."""
    Draft202012Validator.check_schema(report_schema())


def test_reports_are_valid():
    """A report of programs and scripts, hosts asked and not, fits the schema."""
    VALIDATOR.validate(document())


def test_additions_are_valid():
    """A later version may add keys, and words to the enumerations that may grow."""
    value = document()
    value["hosts"][0] |= {"status": "asleep", "new": 1}
    value["binaries"][0]["format"] = "bundle"

    VALIDATOR.validate(value)


@pytest.mark.parametrize(
    ("part", "key", "wrong"),
    [
        ("verdicts", "outcome", "maybe"),
        ("verdicts", "findings", None),
        ("hosts", "rounds", -1),
        ("hosts", "facts", None),
        ("binaries", "endian", "middle"),
        ("binaries", "needed", "libc.so.6"),
    ],
)
def test_broken_reports_are_refused(part: str, key: str, wrong: object):
    """A word that no version can have, or a value of the wrong type, does not pass."""
    value = document()
    value[part][0][key] = wrong

    with pytest.raises(ValidationError):
        VALIDATOR.validate(value)


@pytest.mark.parametrize("part", ["binaries", "hosts", "verdicts"])
def test_every_key_of_the_contract_is_required(part: str):
    """Each key that is produced today must be there in every later report."""
    whole = document()[part][0]

    for key in set(whole) - {"libraries"}:
        value = document()
        del value[part][0][key]
        assert not VALIDATOR.is_valid(value), key


def test_lines_are_valid_by_the_same_definitions():
    """A line of the format jsonl is its element of the document, with a type."""
    given = report([verdict("a", finding())])
    for line in map(json.loads, FORMATS["jsonl"](given, View())):
        if line["type"] in ("binary", "host", "verdict"):
            schema = {**report_schema(), "$ref": f"#/$defs/{line['type']}"}
            for key in ("type", "properties", "required"):
                del schema[key]
            Draft202012Validator(schema).validate(line)


def test_manual_names_every_key():
    """What the schema knows of binaries, hosts and verdicts is explained to users."""
    manual = MANUAL.read_text(encoding="utf-8")

    for schema in report_schema()["$defs"].values():
        for key in schema["properties"]:
            assert f"`{key}`" in manual or f'"{key}"' in manual, key
