"""The JSON text of hosts and verdicts; what many of them have in common is encoded once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from preflight.model.snapshot import Snapshot
from preflight.model.text import to_json
from preflight.model.verdict import Verdict
from preflight.report.contract import facts_json, own_host_json, result_json
from preflight.report.encode import encode

_KEPT = 1024  # texts


class Elements:
    """
    Turns hosts and verdicts into JSON objects, on one line or indented.

    Common parts are known again by their identity: see `shared`.  *indent* is
    in spaces a level, *depth* the level at which the objects stand.
    """

    def __init__(self, *, explain: bool, indent: int = 0, depth: int = 0) -> None:
        self._explain = explain
        self._indent = indent
        self._margin = "\n" + " " * indent * depth if indent else ""
        self._texts: dict[Hashable, tuple[str, Any]] = {}

    def host(self, snapshot: Snapshot) -> str:
        """Return one element of ``hosts``."""
        facts, unknown = snapshot.facts, snapshot.facts_unknown
        common = self._once(
            (id(facts), id(unknown)), (facts, unknown), lambda: facts_json(facts, unknown)
        )
        return self._joined(self._text(own_host_json(snapshot)), common)

    def verdict(self, verdict: Verdict) -> str:
        """Return one element of ``verdicts``."""
        parts = (verdict.findings, verdict.libraries, verdict.proof)
        key = (
            verdict.binary,
            verdict.path,
            verdict.outcome,
            verdict.predicted_error,
            verdict.predicted_exit,
            verdict.loaded_by,
            *map(id, parts),
        )
        common = self._once(key, parts, lambda: result_json(verdict, explain=self._explain))
        return self._joined(self._text({"host": to_json(verdict.host)}), common)

    def _once(self, key: Hashable, parts: Any, make: Callable[[], dict[str, Any]]) -> str:
        """Return the text of what *make* returns; *parts* are kept, or their ids come again."""
        known = self._texts.get(key)
        if known is None:
            if len(self._texts) >= _KEPT:
                self._texts.clear()
            known = self._texts[key] = self._text(make()), parts
        return known[0]

    def _text(self, value: dict[str, Any]) -> str:
        text = encode(value, self._indent)
        return text.replace("\n", self._margin) if self._margin else text

    def _joined(self, first: str, rest: str) -> str:
        """Return two objects as one."""
        return f"{first[: -1 - len(self._margin)]},{rest[1:]}"
