"""One short line that says what kind of host, or of hosts, this is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from preflight.model.snapshot import Facts

_CODENAME = re.compile(r" \([^()]*\)$")  # "Debian GNU/Linux 12 (bookworm)": the number says it


def describe(hosts: Sequence[Facts], family: str = "glibc") -> str:
    """
    Return operating system, C library and machine, as far as all *hosts* have the same.

    Of several C libraries those of *family* come first.
    """
    libc = _common(hosts, lambda facts: _libc(facts, family))
    parts = (_common(hosts, _os) or _how_many(hosts), libc)
    return ", ".join(filter(None, (*parts, _common(hosts, lambda facts: facts.machine))))


def _common(hosts: Sequence[Facts], part: Callable[[Facts], str | None]) -> str | None:
    values = {part(facts) for facts in hosts}
    return values.pop() if len(values) == 1 else None


def _how_many(hosts: Sequence[Facts]) -> str | None:
    systems = {_os(facts) for facts in hosts}
    return f"{len(systems)} systems" if len(systems) > 1 else None


def _os(facts: Facts) -> str | None:
    name = facts.os or facts.system
    return _CODENAME.sub("", name) if name else None


def _libc(facts: Facts, family: str) -> str | None:
    """Return the C libraries of the host's own machine, else all it has."""
    own = [c for c in facts.libcs if c.machine == facts.machine] or list(facts.libcs)
    own = sorted(own, key=lambda libc: libc.family != family)
    return ", ".join(dict.fromkeys(f"{c.family} {c.version or '?'}" for c in own)) or None
