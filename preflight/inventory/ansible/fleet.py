"""
Hosts, groups and variables as Ansible holds them, while the files of a source are read.

Source: Ansible's inventory guide, "How variables are merged"; the order of
groups is measured against ``ansible-inventory`` in the tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from preflight.errors import InventoryError
from preflight.inventory.values import quoted
from preflight.model.nodeset import MAX_NAMES

MAX_MEMBERS = 1_000_000  # of all groups: aliases and ranges can repeat a long list cheaply
Kind = Literal["plain", "raw", "vault", "other"]
ALL, UNGROUPED = "all", "ungrouped"
PRIORITY = "ansible_group_priority"


class Value(Struct, frozen=True, gc=False):
    """
    One variable, and where it stands.

    A *raw* one is never a template (``!unsafe``), a *vault* one is encrypted,
    *other* is a list or a mapping; the last two have no text.
    """

    text: str | None
    place: str
    kind: Kind = "plain"
    sign: str = ": "  # what its file has between name and value


Variables = dict[str, Value]


class Group(Struct):
    """One group: its own hosts and children, in their order, and what is set for it."""

    name: str
    place: str
    hosts: dict[str, None] = {}
    children: dict[str, None] = {}
    variables: Variables = {}
    priority: int = 1

    def set(self, name: str, value: Value) -> None:
        """Set a variable; the priority is none, but decides among groups of one depth."""
        if name != PRIORITY:
            self.variables[name] = value
            return
        try:
            self.priority = int(value.text or "")
        except ValueError:
            raise InventoryError(
                f"{value.place}: {PRIORITY} of group {quoted(self.name)} is no number",
                f"write {PRIORITY}=10",
            ) from None


class Fleet:
    """All files of one source together, as Ansible merges them: what comes later wins."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.hosts: dict[str, Variables] = {}
        self.places: dict[str, str] = {}
        self.remarks: dict[str, list[str]] = {}
        self._memberships = 0
        self.add_group(ALL, "")
        self.add_group(UNGROUPED, "")
        self.groups[ALL].children[UNGROUPED] = None

    def add_group(self, name: str, place: str) -> Group:
        """Return the group of that name, a new one where there is none."""
        group = self.groups.get(name)
        if group is None:
            group = self.groups[name] = Group(name, place)
        return group

    def add_host(self, group: str, name: str, port: Value | None, place: str) -> Variables:
        """Return the variables of a host, now in *group*; *port* counts for a new host alone."""
        if name not in self.hosts:
            if len(self.hosts) == MAX_NAMES:
                raise InventoryError(
                    f"{place}: more than {MAX_NAMES:,} hosts", "give preflight a part of the fleet"
                )
            self.hosts[name] = {} if port is None else {"ansible_port": port}
            self.places[name] = place
        self._memberships += 1
        if self._memberships > MAX_MEMBERS:
            problem = f"{place}: the groups have more than {MAX_MEMBERS:,} members"
            raise InventoryError(problem, "use fewer groups")
        self.groups[group].hosts[name] = None
        return self.hosts[name]

    def remark(self, place: str, text: str) -> None:
        """Note what is not honoured; the same of many places is said once."""
        places = self.remarks.setdefault(text, [])
        if place not in places[-1:]:
            places.append(place)

    def settle(self) -> Settled:
        """Return what holds once every file is read; raises `InventoryError` for a loop."""
        parents = self._parents()
        for name, group in self.groups.items():
            if name != ALL and not parents[name]:
                self.groups[ALL].children[name] = None
                parents[name].append(ALL)
            _check_loop(group, parents)
        self._sort_out_ungrouped()
        return Settled(self.groups, parents)

    def _parents(self) -> dict[str, list[str]]:
        parents: dict[str, list[str]] = {name: [] for name in self.groups}
        for group in self.groups.values():
            for child in group.children:
                parents[child].append(group.name)
        return parents

    def _sort_out_ungrouped(self) -> None:
        """Have in ``ungrouped`` those that are in no other group but ``all``."""
        grouped = {
            host
            for group in self.groups.values()
            if group.name not in (ALL, UNGROUPED)
            for host in group.hosts
        }
        self.groups[UNGROUPED].hosts = dict.fromkeys(n for n in self.hosts if n not in grouped)


class Settled:
    """Who belongs to which group, and which group's word counts more."""

    def __init__(self, groups: Mapping[str, Group], parents: Mapping[str, list[str]]) -> None:
        self.groups = groups
        self._parents = parents
        self._depths: dict[str, int] = {}
        self._orders: dict[frozenset[str], tuple[str, ...]] = {}
        self.direct: dict[str, list[str]] = {}
        for group in groups.values():
            for host in group.hosts:
                self.direct.setdefault(host, []).append(group.name)

    def groups_of(self, host: str) -> tuple[str, ...]:
        """Return a host's groups but ``all``: what a later one sets counts more."""
        direct = frozenset(self.direct.get(host, ()))
        if direct not in self._orders:
            names = {name for group in direct for name in self._with_ancestors(group)} - {ALL}
            self._orders[direct] = tuple(sorted(names, key=self._rank))
        return self._orders[direct]

    def members(self) -> dict[str, dict[str, None]]:
        """
        Return the hosts of each group, its own before those of its children.

        Source: Ansible's Group.get_hosts(), whose order below children is no fixed one.
        """
        sizes = dict.fromkeys(self.groups, 0)
        count = 0
        for host in self.direct:
            groups = self.groups_of(host)
            count += len(groups)
            if count > MAX_MEMBERS:
                problem = f"the groups have more than {MAX_MEMBERS:,} members"
                raise InventoryError(f"{self.groups[groups[0]].place}: {problem}", "nest less")
            for group in groups:
                sizes[group] += 1
        return {name: self._first_hosts(name, size) for name, size in sizes.items()}

    def _first_hosts(self, name: str, size: int) -> dict[str, None]:
        """Return *size* hosts of a group: down from it, one level after the other."""
        found: dict[str, None] = {}
        level, seen = [name], {name}
        while len(found) < size:
            for group in level:
                found |= self.groups[group].hosts
            children = (child for group in level for child in self.groups[group].children)
            level = [child for child in dict.fromkeys(children) if child not in seen]
            seen |= set(level)
        return found

    def _with_ancestors(self, name: str) -> set[str]:
        found, rest = {name}, [name]
        while rest:
            new = set(self._parents[rest.pop()]) - found
            found |= new
            rest += new
        return found

    def _rank(self, name: str) -> tuple[int, int, str]:
        return self._depth(name), self.groups[name].priority, name

    def _depth(self, name: str) -> int:
        """Return the length of the longest way down from ``all``."""
        for one in _upwards(name, self._parents):
            above = [self._depths[parent] for parent in self._parents[one]]
            self._depths[one] = 1 + max(above, default=-1)
        return self._depths[name]


def _upwards(name: str, parents: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield a group and its ancestors, each after all of its parents."""
    done: set[str] = set()
    stack = [name]
    while stack:
        missing = [parent for parent in parents[stack[-1]] if parent not in done]
        if missing:
            stack += missing
        else:
            one = stack.pop()
            if one not in done:
                done.add(one)
                yield one


def _check_loop(group: Group, parents: Mapping[str, list[str]]) -> None:
    rest, seen = list(parents[group.name]), set[str]()
    while rest:
        name = rest.pop()
        if name == group.name:
            raise InventoryError(
                f"{group.place}: group {quoted(name)} is among its own children",
                "take it out of the children of its children",
            )
        if name not in seen:
            seen.add(name)
            rest += parents[name]
