"""The binaries that the command line names, analysed."""

from __future__ import annotations

from collections.abc import Sequence

from preflight.analyze import analyze
from preflight.errors import UsageError
from preflight.model.requirements import Requirements, with_members


def analyzed(binaries: Sequence[str]) -> tuple[Requirements, ...]:
    """
    Return what each binary needs, with the report's ids b1, b2, …; the same name counts once.

    The members of a bundle stand behind it.
    """
    if "" in binaries:
        raise UsageError("a binary's name is empty", "give the path of a file")
    names = enumerate(dict.fromkeys(binaries), 1)
    return with_members(analyze(path, id=f"b{n}") for n, path in names)
