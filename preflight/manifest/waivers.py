"""
Reads waivers: a list, alone in a file, under ``waivers`` in one, or in a manifest.

    waivers:
      - code: requirement-limit
        host: web-*
        binary: preflight.yaml
        reason: raised with the next image, OPS-1234
        expires: 2027-01-31
"""

from __future__ import annotations

import datetime as dt
import difflib
import fnmatch

from yaml.nodes import Node, SequenceNode

from preflight.errors import InventoryError, ManifestError
from preflight.inventory import document
from preflight.inventory.values import quoted
from preflight.judge.waive import NEVER
from preflight.manifest import values
from preflight.model.codes import CODES
from preflight.model.form import Record, Text, Texts
from preflight.model.nodeset import expand
from preflight.model.waiver import Waiver

_PATTERN = Text(r"[^\s\x00-\x1f\x7f,]+", "a pattern", '"web-*"')
_LINE = Text(r"[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*", "a reason", '"mended with OPS-1234"')
_DATE = Text(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date", "2027-01-31")
_CODE = Text(r"[a-z*?][a-z*?-]*", "a finding's code", "requirement-disk", "see docs/findings.md")
FORM = Record(
    {
        "code": _CODE,
        "host": Texts(_PATTERN, alone=True),
        "binary": Texts(_PATTERN, alone=True),
        "subject": _LINE,
        "reason": _LINE,
        "expires": _DATE,
    }
)
REQUIRED = ("code", "host", "reason", "expires")
_EXAMPLE = "waivers: [{code: requirement-disk, host: web-1, reason: WHY, expires: 2027-01-31}]"


def read_waivers(raw: bytes, path: str) -> tuple[Waiver, ...]:
    """Return the waivers in the file *path*; raises `ManifestError` for the first fault."""
    try:
        root = document.compose(raw, path, "waiver file", _EXAMPLE)
        if isinstance(root, SequenceNode):
            return of(root)
        top = document.items(root, "the waiver file")
        for key, (key_node, _) in top.items():
            if key != "waivers":
                raise values.unknown_key(key_node, key, ("waivers",), "the waiver file")
        return of(top["waivers"][1])
    except InventoryError as error:
        raise ManifestError(error.message, error.hint) from None


def of(node: Node) -> tuple[Waiver, ...]:
    """Return the waivers of a list; raises `InventoryError`."""
    return tuple(map(_waiver, document.elements(node, "'waivers'")))


def _waiver(node: Node) -> Waiver:
    what = "a waiver"
    items = document.items(node, what)
    pairs = values.pairs(node, what, FORM)
    for key in REQUIRED:
        if key not in items:
            raise document.error(
                node, f"{what} has no {key}", f"the keys are {', '.join(FORM.keys)}"
            )
    found: dict[str, list[str]] = {}
    for key, text in pairs:
        found.setdefault(key, []).append(text)
    _check_code(items["code"][1], found["code"][0])
    _check_date(items["expires"][1], found["expires"][0])
    _check_ranges(items["host"][1], found["host"])
    return Waiver(
        code=found["code"][0],
        hosts=tuple(found["host"]),
        binaries=tuple(found.get("binary", ["*"])),
        subject=found.get("subject", [None])[0],
        reason=found["reason"][0],
        expires=found["expires"][0],
        place=document.place(node),
    )


def _check_code(node: Node, code: str) -> None:
    if code in NEVER:
        hint = "leave such hosts out: -l 'all:!NAME'"
        raise document.error(node, f"{quoted(code)} cannot be waived: nothing is known", hint)
    if not any(fnmatch.fnmatchcase(one, code) for one in CODES):
        close = difflib.get_close_matches(code, CODES, 1)
        hint = f"did you mean {close[0]!r}?" if close else "preflight explain lists the codes"
        raise document.error(node, f"there is no finding {quoted(code)}", hint)


def _check_date(node: Node, date: str) -> None:
    try:
        dt.date.fromisoformat(date)
    except ValueError:
        hint = "write the last day on which it holds, as 2027-01-31"
        raise document.error(node, f"{quoted(date)} is no day of a calendar", hint) from None


def _check_ranges(node: Node, patterns: list[str]) -> None:
    for pattern in patterns:
        if "[" in pattern and ":" in pattern:
            try:
                expand(pattern)
            except ValueError as problem:
                raise document.error(node, str(problem), "write a range as web-[01:20]") from None
