"""
Which hosts get the same answer from ssh: those that no line of the configuration tells apart.

ssh's answer is a function of the files and of what their patterns say to a
host's name; the name itself only comes in where a value or a command holds it.
So hosts that match the same patterns are a class, unless the name may come in:
then there is no class, and each is asked for.  A class may be too small, never
too large.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Hashable, Iterable, Iterator

from preflight.transport.config.answers import Question
from preflight.transport.config.patterns import Index, NameLine
from preflight.transport.config.reading import Block, Files, Line
from preflight.transport.config.words import Criterion

# A name that is nothing but a name, or four numbers: ssh writes other addresses anew.
_NAME = re.compile(r"(?!-)[A-Za-z0-9_.-]*[A-Za-z_-][A-Za-z0-9_.-]*", re.ASCII)
_HEX = re.compile(r"0[xX]", re.ASCII)
_QUAD = re.compile(r"(?:(?:[1-9][0-9]{0,2}|0)\.){3}(?:[1-9][0-9]{0,2}|0)", re.ASCII)
# What of a value depends on the host beyond its class; the user is part of that.
_HOST_TOKEN = re.compile(r"%[hnkCpj]")
# Values with the host's tokens that ssh -G prints expanded, in some version or other.
_EXPANDED = {"hostname", "user", "userknownhostsfile", "identityagent", "revokedhostkeys"}
_CANONICAL = {"canonicalizehostname", "canonicalizepermittedcnames"}
_BY_NAME = {"host", "originalhost"}


class Classes:
    """The classes of one configuration; *unclear* ones cannot be told."""

    def __init__(self, files: Files) -> None:
        self.unclear = files.problem is not None
        self._hosts = Index({b.number: b.names for b in files.blocks if b.names})
        self._conditions = Index(dict(enumerate(_conditions(files.blocks))))
        self._dependent = list(_dependent(files.blocks, files.lines))
        self._host_names: dict[int, list[str]] = {}
        for line in files.lines:
            if line.keyword == "hostname" and line.words:
                self._host_names.setdefault(line.block.number, []).append(line.words[0])
        matches = {b.number for b in files.blocks if b.names is None}
        self._anywhere = [n for k in matches for n in self._host_names.get(k, ())]

    def key_of(self, question: Question) -> Hashable | None:
        """Return the class that the host is of, None where it has to be asked for itself."""
        if self.unclear or not _is_plain(question.name):
            return None
        if self._dependent:
            active = self._active(question)
            if any(self._may_hold(block, question, active) for block in self._dependent):
                return None
        seen = self._seen(question.name), question.address and self._seen(question.address)
        return (question.user, question.port is None, question.proxy, *seen)

    def names_of(self, question: Question) -> set[str]:
        """Return the host names, in lower case, that the configuration may give to a host."""
        active = self._active(question)
        given = (name for number in active for name in self._host_names.get(number, ()))
        return {normalized(name) for name in (*given, *self._anywhere)}

    def _active(self, question: Question) -> frozenset[int]:
        """Return the Host lines that may hold, also where the files are read a second time."""
        forms = {*_forms(question.name), *_forms(question.address or question.name)}
        return frozenset().union(*map(self._hosts.matching, forms))

    def _seen(self, name: str) -> tuple[tuple[frozenset[int], frozenset[int]], ...]:
        """Return what the lines say to a name, as it is written and as ssh writes it."""
        forms = _forms(name)
        said = {f: (self._hosts.matching(f), self._conditions.matching(f)) for f in set(forms)}
        return tuple(said[form] for form in forms)

    def _may_hold(self, block: Block, question: Question, active: frozenset[int]) -> bool:
        if block.parent is not None and not self._may_hold(block.parent, question, active):
            return False
        if block.names is not None:
            return block.number in active
        return all(self._may_be_met(c, question) for c in _before_exec(block.criteria))

    def _may_be_met(self, criterion: Criterion, question: Question) -> bool:
        if criterion.negated or criterion.name not in _BY_NAME:
            return True
        wanted = NameLine.of_list(criterion.argument)
        names = {question.name.lower()}
        if criterion.name == "host":
            names |= {*_forms(question.address or question.name), *self.names_of(question)}
        return any("%" in name or wanted.matches(name.lower()) for name in names)


def normalized(name: str) -> str:
    """Return a host's name as ssh writes it: in lower case, an address in its usual form."""
    if _is_plain(name):
        return name.lower()
    try:
        peer = socket.getaddrinfo(name, None, flags=socket.AI_NUMERICHOST)[0][4]
        return socket.getnameinfo(peer, socket.NI_NUMERICHOST)[0]
    except (OSError, ValueError):
        return name.lower()


def _is_plain(name: str) -> bool:
    if _QUAD.fullmatch(name):
        return True
    return bool(_NAME.fullmatch(name)) and not _HEX.match(name)


def _forms(name: str) -> tuple[str, str, str]:
    return name, name.lower(), normalized(name)


def _conditions(blocks: Iterable[Block]) -> Iterator[NameLine]:
    for block in blocks:
        for criterion in block.criteria:
            if criterion.name in _BY_NAME:
                yield NameLine.of_list(criterion.argument)


def _dependent(blocks: Iterable[Block], lines: Iterable[Line]) -> Iterator[Block]:
    """Yield the blocks in which the host's name comes into the answer."""
    yield from (b for b in blocks if any(c.name == "exec" for c in b.criteria))
    yield from (line.block for line in lines if _is_dependent(line))


def _is_dependent(line: Line) -> bool:
    if line.keyword in _CANONICAL:
        return [word.lower() for word in line.words] not in (["no"], ["none"], ["false"])
    if line.keyword not in _EXPANDED:
        return False
    return any(_HOST_TOKEN.search(word.replace("%%", "")) for word in line.words)


def _before_exec(criteria: Iterable[Criterion]) -> Iterator[Criterion]:
    """Yield the conditions that have to be met for an exec to be run, all where there is none."""
    for criterion in criteria:
        if criterion.name == "exec":
            return
        yield criterion
