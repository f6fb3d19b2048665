"""Nothing that a binary or a host says of itself is obeyed by a terminal, in any format."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preflight.model.elf import VersionDef
from preflight.model.host import Host
from preflight.model.report import Report
from preflight.model.text import decode, from_json, printable
from preflight.report import FORMATS, View
from preflight.report.hosts import hosts_table
from preflight.report.inspect import inspect_json, inspect_table
from tests.builders.report import (
    binary,
    elf,
    finding,
    host,
    lost_host,
    missing_library,
    not_probed,
    report,
    verdict,
)

# What is preflight's own word, not a host's or a binary's.
OWN_WORDS = {"outcome", "severity", "status", "format", "endian", "id", "binary", "transport"}
HOSTILE = [
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31mC1",
    "\u202egnp.exe",
    "[red]markup[/red] [/] [link=http://example.org]x[/link]",
    ":smile:",
    "a\n✗ forged\r\nsecond",
    "\udcff\udc80",
    "tab\tnul\x00del\x7f",
    "\u2028\u2066\ufeff\U000e0041",
    "\\x1b backslash",
]
VIEWS = [
    View(explain=True, verbosity=1),
    View(width=30, unicode=False),
    View(color=True, explain=True),
]


def poisoned(value, text: str):
    """Return *value* with *text* in place of every text that a binary or host could choose."""
    if isinstance(value, str):
        return text
    if isinstance(value, msgspec.Struct):
        fields = set(value.__struct_fields__) - OWN_WORDS
        changes = {name: poisoned(getattr(value, name), text) for name in fields}
        return msgspec.structs.replace(value, **changes)
    if isinstance(value, tuple):
        return tuple(poisoned(item, text) for item in value)
    if isinstance(value, dict):
        return dict.fromkeys([text] * len(value), text)
    return value


def poisoned_report(text: str) -> Report:
    """Return a report with everything in it, each text of it hostile."""
    full = elf(
        soname="s", rpath="r", runpath="r", defect="d", version_defs=(VersionDef("v", 2, False),)
    )
    plain = report(
        [
            verdict("a", finding(), predicted_error="e", libraries=(missing_library(),)),
            verdict("a", finding(severity="warning"), number=2),
            verdict("lost", not_probed()),
        ],
        binaries=[binary(elf=full, member_of="m"), binary(number=2, elf=None)],
        hosts=[host("a", facts_unknown={"x": "y"}), lost_host("lost")],
    )
    run = {"version": plain.version, "started_at": plain.started_at}  # preflight's own
    return msgspec.structs.replace(poisoned(plain, text), **run)


def outputs(text: str, view: View):
    """Yield all that can be written about binaries and hosts full of *text*."""
    given = poisoned_report(text)
    for render in FORMATS.values():
        yield "".join(render(given, view))
    yield "".join(inspect_table(given.binaries, view))
    yield "".join(inspect_json(given.binaries))
    target = Host(name=text, address=text, user=text, groups=(text,), gateway=Host(name=text))
    yield "".join(hosts_table([target], view))


def is_harmless(output: str, view: View) -> bool:
    """Whether a terminal only shows it; the report's own colors are taken out first."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output) if view.color else output
    return all(char == "\n" or printable(char) == char for char in plain)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_never_written_raw(text: str, view: View):
    """Controls, bidirectional overrides and broken bytes are escaped everywhere."""
    for output in outputs(text, view):
        assert is_harmless(output, view)
        assert "\n✗ forged" not in output


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=12).map(decode) | st.text(max_size=12))
def test_no_text_is_written_raw(text: str):
    """Whatever the bytes are, no format fails, and none passes them on."""
    for view in VIEWS:
        assert all(is_harmless(output, view) for output in outputs(text, view))


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=12).map(decode) | st.text(max_size=12))
def test_json_is_lossless(text: str):
    """A reader of the JSON report gets every byte back."""
    document = json.loads("".join(FORMATS["json"](poisoned_report(text), View(explain=True))))

    needs, found = document["binaries"][0], document["verdicts"][0]["findings"][0]
    texts = [needs["path"], needs["soname"], needs["description"], found["message"]]
    texts += [document["hosts"][0]["name"], document["verdicts"][0]["libraries"][0]["name"]]
    assert {text} == set(map(from_json, texts))


def test_markup_is_shown_as_it_stands():
    """Brackets and colons are part of a name, not color or emoji."""
    for text in ("[red]x[/red]", "[/]", ":smile:"):
        table = "".join(FORMATS["table"](report([verdict("a", finding(message=text))]), View()))
        assert f"  library-missing: {text}\n" in table
