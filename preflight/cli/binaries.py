"""The binaries that the command line names, analysed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from preflight.analyze import analyze
from preflight.errors import BinaryError, UsageError
from preflight.model.requirements import Requirements, with_members


def analyzed(binaries: Sequence[str], places: Mapping[str, str] = {}) -> tuple[Requirements, ...]:
    """
    Return what each binary needs, with the report's ids b1, b2, …; the same name counts once.

    The members of a bundle stand behind it.  *places* are ``file:line`` of those
    that a manifest names: errors begin with them.
    """
    if "" in binaries:
        raise UsageError("a binary's name is empty", "give the path of a file")
    names = enumerate(dict.fromkeys(binaries), 1)
    return with_members(_analyzed(path, f"b{n}", places.get(path)) for n, path in names)


def _analyzed(path: str, number: str, place: str | None) -> Requirements:
    try:
        return analyze(path, id=number)
    except BinaryError as error:
        if place is None:
            raise
        raise BinaryError(f"{place}: {error.message}", error.hint) from None
