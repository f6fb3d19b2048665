"""What a report needs of hosts and verdicts, held once where it is equal."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from msgspec import structs

from preflight.model.snapshot import Snapshot
from preflight.model.verdict import Verdict

T = TypeVar("T", bound=Hashable)
_NO_ANSWERS: Mapping[Any, Any] = MappingProxyType({})


class Kept:
    """Makes hosts and verdicts small; *libraries* says whether those of verdicts are needed."""

    def __init__(self, *, libraries: bool) -> None:
        self._libraries = libraries
        self._known: dict[Hashable, Any] = {}

    def snapshot(self, snapshot: Snapshot) -> Snapshot:
        """Return *snapshot* with the facts that the contract has, and without answers."""
        return Snapshot(
            host=snapshot.host,
            address=snapshot.host if snapshot.address == snapshot.host else snapshot.address,
            status=self._one(snapshot.status),
            cause=self._one(snapshot.cause),
            reason=self._one(snapshot.reason),
            host_key=self._one(snapshot.host_key),
            rounds=snapshot.rounds,
            facts=self._one(snapshot.facts.told),
            facts_unknown=self._mapping(snapshot.facts_unknown),
            answers=_NO_ANSWERS,
        )

    def verdict(self, verdict: Verdict) -> Verdict:
        """Return *verdict*, which shares all but its host with its equals."""
        return structs.replace(
            verdict,
            binary=self._one(verdict.binary),
            path=self._one(verdict.path),
            outcome=self._one(verdict.outcome),
            predicted_error=self._one(verdict.predicted_error),
            findings=self._one(verdict.findings),
            libraries=self._one(verdict.libraries) if self._libraries else (),
            proof=self._one(verdict.proof),
        )

    def _one(self, value: T) -> T:
        one: T = self._known.setdefault(value, value)
        return one

    def _mapping(self, mapping: Mapping[str, str]) -> Mapping[str, str]:
        items = ("mapping", *mapping.items())
        one: Mapping[str, str] | None = self._known.get(items)
        if one is None:
            one = self._known[items] = MappingProxyType(dict(mapping))
        return one
