"""
An inventory, and the patterns of ``--limit`` that select from it.

The terms of all patterns are one set, as in Ansible: what is named, of that
what every ``&term`` names too, without what any ``!term`` names.
"""

from __future__ import annotations

import difflib
import errno
import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from preflight.errors import UsageError
from preflight.inventory.values import quoted, unreadable
from preflight.model.host import Host
from preflight.model.nodeset import TooManyNamesError, expand, is_ipv6

# A separator inside brackets belongs to a range or an address.
_COMMA = re.compile(r",(?![^\[\]]*\])")
_COLON = re.compile(r":(?![^\[\]]*\])")
# A bracket that fnmatch reads as people mean it: [abc], [0-9], [!x].
_CLASS = re.compile(r"\[(?:.-.|[^\[\]:,-]+)\]")
# What Ansible reads as places in a group: web[0], web[-1], web[0:2], web[3:].
_PLACES = re.compile(r"(.+)\[(?:(-?\d{1,9})|(\d{1,9})[:-](\d{0,9}))\]")
_EVERY = ("all", "*")


class Inventory(Struct, frozen=True):
    """
    The hosts of one run in the order of their sources, and the names in each group.

    *remarks* say what of the sources is not honoured, one line each.
    """

    hosts: tuple[Host, ...]
    groups: Mapping[str, tuple[str, ...]] = {}
    remarks: tuple[str, ...] = ()

    def select(self, patterns: Sequence[str]) -> tuple[Host, ...]:
        """
        Return the hosts that *patterns* name, in the inventory's order; all for no pattern.

        Raises `UsageError` for a term that names no host, and when no host is left.
        """
        if not patterns:
            return self.hosts
        names = _Selection(self).of(patterns)
        if not names:
            raise UsageError(
                f"the pattern {quoted(','.join(patterns))} leaves no host",
                "see 'preflight hosts' for the names that there are",
            )
        return tuple(host for host in self.hosts if host.name in names)


class _Selection:
    """The evaluation of patterns against one inventory."""

    def __init__(self, inventory: Inventory) -> None:
        self.names = {host.name: frozenset([host.name]) for host in inventory.hosts}
        self.groups = inventory.groups
        self.all = frozenset(self.names)
        self.sets = self.names | {name: frozenset(g) for name, g in inventory.groups.items()}

    def of(self, patterns: Sequence[str]) -> frozenset[str]:
        """Return the names that are left when every term has had its say."""
        sets: dict[str, list[frozenset[str]]] = {"": [], "&": [], "!": []}
        for operator, term in (pair for pattern in patterns for pair in self._terms(pattern)):
            sets[operator].append(self._file(term) if term.startswith("@") else self._term(term))
        start = frozenset().union(*sets[""]) if sets[""] else self.all
        return start.intersection(*sets["&"]).difference(*sets["!"])

    def _terms(self, pattern: str) -> Iterator[tuple[str, str]]:
        """Yield operator and term; a colon separates too, unless it is an address's own."""
        empty = True
        for part in map(str.strip, _COMMA.split(pattern)):
            whole = is_ipv6(part.lstrip("!&"))
            for piece in [part] if whole else map(str.strip, _COLON.split(part)):
                if piece:
                    empty = False
                    yield _operator_and_term(piece)
        if empty:
            raise UsageError(f"the pattern {quoted(pattern)} is empty", "write 'all' for all hosts")

    def _term(self, term: str) -> frozenset[str]:
        """Return what a name, a group, a glob, a range or a regular expression stands for."""
        if term.startswith("~"):
            return self._matching(term)
        if is_ipv6(term):
            return self._one(term.strip("[]"))
        if (places := _PLACES.fullmatch(term)) and places[1] in self.groups:
            return self._placed(term, places)
        return self._named(term)

    def _named(self, term: str) -> frozenset[str]:
        """Return what a name, a group, a glob or a range stands for."""
        if "[" not in _CLASS.sub("", term):
            return self._one(term)
        return self._range(term)

    def _placed(self, term: str, places: re.Match[str]) -> frozenset[str]:
        """
        Return the hosts at some places of a group, from 0 on.

        Raises `UsageError` where the term is as good a class or range of other names.
        Source: Ansible's InventoryManager._split_subscript() and _apply_subscript().
        """
        group, place, first, last = places.groups()
        hosts = tuple(self.groups[group])
        if place is not None:
            hosts = hosts[int(place) :][:1] if int(place) >= -len(hosts) else ()
        else:
            hosts = hosts[int(first) : int(last) + 1 if last else None]
        try:
            otherwise = self._named(term)
        except UsageError:
            otherwise = frozenset()
        if otherwise and otherwise != set(hosts):
            raise UsageError(
                f"{quoted(term)} means places in group {quoted(group)}, and names other hosts, too",
                "write the names of the hosts",
            )
        if not hosts:
            hint = "the first host of a group is at 0"
            raise UsageError(f"group {quoted(group)} has no host at {quoted(term)}", hint)
        return frozenset(hosts)

    def _matching(self, term: str) -> frozenset[str]:
        """Return the hosts and the groups' hosts whose name begins as ``~EXPRESSION`` says."""
        try:
            expression = re.compile(term[1:])
        except re.error as problem:
            hint = "see Python's re; a comma or a colon ends a term"
            raise UsageError(f"{quoted(term)} is no expression: {problem}", hint) from None
        found = frozenset[str]().union(*(self.sets[n] for n in self.sets if expression.match(n)))
        if not found:
            raise UsageError(f"no host matches {quoted(term)}", "'~' starts an expression")
        return found

    def _range(self, term: str) -> frozenset[str]:
        """Return what a range stands for: it names its hosts, and a name has to be there."""
        try:
            return frozenset().union(*map(self._one, expand(term)))
        except TooManyNamesError as problem:
            raise UsageError(str(problem), "use '*' for what there is") from None
        except ValueError as problem:
            raise UsageError(str(problem), "write a range as [01:20], a class as [a-z]") from None
        except UsageError as problem:
            raise UsageError(
                f"{problem.message}, which {quoted(term)} stands for",
                "name a range that is all there, or use '*' for what there is",
            ) from None

    def _one(self, term: str) -> frozenset[str]:
        found = self.all if term in _EVERY else self.sets.get(term, frozenset())
        if not found and re.search(r"[*?\[]", term):
            found = frozenset().union(*(self.sets[n] for n in fnmatch.filter(self.sets, term)))
        if not found and term in self.sets:
            raise UsageError(f"group {quoted(term)} has no hosts", "name another group")
        if not found:
            raise UsageError(f"no host matches {quoted(term)}", self._guess(term))
        return found

    def _guess(self, term: str) -> str:
        if close := difflib.get_close_matches(term, self.sets, 1):
            return f"did you mean {close[0]!r}?"
        return "see 'preflight hosts' for the names that there are"

    def _file(self, term: str) -> frozenset[str]:
        """Return the names that stand in a file, one a line, ``#`` before a comment."""
        found: set[str] = set()
        for number, line in enumerate(_lines(term[1:]), 1):
            name = line.partition("#")[0].strip()
            try:
                found |= self._term(name) if name else frozenset()
            except UsageError as problem:
                raise UsageError(f"{term[1:]}:{number}: {problem.message}", problem.hint) from None
        return frozenset(found)


def _operator_and_term(piece: str) -> tuple[str, str]:
    operator = piece[0] if piece[0] in "!&" else ""
    term = piece.removeprefix(operator)
    if wanted := {"": "NAME", "@": "FILE", "~": "EXPRESSION"}.get(term):
        raise UsageError(f"nothing follows {quoted(piece)}", f"write {piece + wanted!r}")
    return operator, term


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError as problem:
        raise UsageError(
            unreadable(path, problem.errno or errno.EINVAL),
            "'@' stands before a file of host names",
        ) from None
    except ValueError:
        raise UsageError(f"{quoted(path)} is not UTF-8", "write one host name a line") from None
