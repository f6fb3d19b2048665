"""
The lowest common ground of a fleet, and which builds cover what share of it.

Only hosts that were probed count; the others are named.  Source of the CPU
levels: x86-64 psABI.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct, to_builtins
from rich.console import RenderableType
from rich.text import Text

from preflight.model.elf import X86_LEVELS
from preflight.model.ground import Footing, Ground
from preflight.model.nodes import kind, newest
from preflight.model.nodeset import fold
from preflight.report.contract import escaped
from preflight.report.encode import encode
from preflight.report.terminal import columns, count, render, shown
from preflight.report.view import View

SCHEMA = "preflight.baseline/1"
_LIBRARIES = 12  # that the table shows, unless verbose
_NUMBERED = re.compile("[0-9][^_]*$")
_LETTERS = re.compile("(?<=[0-9])[a-z]+$")


class Target(Struct, frozen=True):
    """One way to build: *floor* is the oldest C library, None: linked statically."""

    machine: str
    libc: str | None
    floor: str | None
    cpu_level: str | None  # None: what every CPU of the machine has
    hosts: int
    share: float  # of the hosts that were probed


class Common(Struct, frozen=True):
    """What all hosts of one platform have."""

    machine: str
    libc: str
    hosts: int
    release: str | None  # the lowest
    libraries: dict[str, tuple[str, ...]]  # soname → the newest version of each kind


class Baseline(Struct, frozen=True):
    """The lowest common ground of *hosts*; *left_out* were not probed."""

    hosts: int
    left_out: tuple[str, ...]
    machines: dict[str, int]
    kernel: str | None  # the lowest release
    cpu_level: str | None  # the lowest of the x86-64 hosts
    page_sizes: tuple[int, ...]
    platforms: tuple[Common, ...]
    targets: tuple[Target, ...]


def baseline(grounds: Sequence[Ground], left_out: Iterable[str] = ()) -> Baseline:
    """Return what the hosts of *grounds* have in common."""
    facts = [ground.facts for ground in grounds]
    kernels = [release for one in facts if (release := one.kernel_release)]
    levels = [one.cpu_level for one in facts if one.cpu_level in X86_LEVELS]
    return Baseline(
        hosts=len(grounds),
        left_out=tuple(left_out),
        machines=dict(Counter(one.machine or "unknown" for one in facts).most_common()),
        kernel=".".join(map(str, min(kernels))) if kernels else None,
        cpu_level=min(levels, key=X86_LEVELS.index) if levels else None,
        page_sizes=tuple(sorted({one.page_size for one in facts if one.page_size})),
        platforms=tuple(map(_common, _by_platform(grounds))),
        targets=tuple(_targets(grounds)),
    )


def baseline_json(found: Baseline) -> Iterator[str]:
    """Yield the document ``preflight.baseline/1``."""
    value: dict[str, Any] = {"schema": SCHEMA, **to_builtins(found)}
    yield encode(escaped(value), 2) + "\n"


def baseline_table(found: Baseline, view: View) -> Iterator[str]:
    """Yield what people read: the ground, the libraries, the builds."""
    separator = ""
    for section in (_summary(found), _builds(found), _libraries(found, view)):
        if text := render(section, view):
            yield separator + text
            separator = "\n"


def _by_platform(grounds: Iterable[Ground]) -> list[list[Footing]]:
    """Return the footings of each platform, the most common first."""
    found: dict[tuple[str, str], list[Footing]] = {}
    for ground in grounds:
        for footing in ground.footings:
            platform = footing.platform
            found.setdefault((platform.machine, platform.libc), []).append(footing)
    return sorted(found.values(), key=len, reverse=True)


def _common(footings: Sequence[Footing]) -> Common:
    first, *others = footings
    libraries = {name: set(versions) for name, versions in first.libraries.items()}
    for footing in others:
        libraries = {
            name: versions & set(footing.libraries[name])
            for name, versions in libraries.items()
            if name in footing.libraries
        }
    releases = [footing.release for footing in footings if footing.release]
    return Common(
        machine=first.platform.machine,
        libc=first.platform.libc,
        hosts=len(footings),
        release=min(releases, key=_numbers) if len(releases) == len(footings) else None,
        libraries={name: _newest(versions) for name, versions in sorted(libraries.items())},
    )


def _newest(nodes: Iterable[str]) -> tuple[str, ...]:
    """Return the newest of each kind that has numbers (GLIBCXX_3.4.30), but no private ones."""
    public = (node for node in nodes if _NUMBERED.search(node) and "PRIVATE" not in node)
    return tuple(sorted(newest(public, _split).values()))


def _split(node: str) -> tuple[str, tuple[tuple[int, ...], str]]:
    """Return kind and order of a node; OPENSSL_1_1_1d comes after OPENSSL_1_1_1."""
    name, number = kind(_LETTERS.sub("", node))
    return name, (number, node)


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", release)))


def _targets(grounds: Sequence[Ground]) -> Iterator[Target]:
    """Yield what could be built, machine by machine, what covers most first."""

    def share(hosts: int) -> float:
        return round(hosts / len(grounds), 4)

    machines = Counter(ground.facts.machine or "unknown" for ground in grounds)
    for machine, hosts in machines.most_common():
        yield Target(machine, None, None, None, hosts, share(hosts))
    for footings in _by_platform(grounds):
        machine, libc = footings[0].platform.machine, footings[0].platform.libc
        releases = [footing.release for footing in footings if footing.release]
        for floor in sorted(set(releases), key=_numbers):
            hosts = sum(_numbers(release) >= _numbers(floor) for release in releases)
            yield Target(machine, libc, floor, None, hosts, share(hosts))
    levels = [ground.facts.cpu_level for ground in grounds]
    for index, level in enumerate(X86_LEVELS[1:], 1):
        if hosts := sum(one in X86_LEVELS[index:] for one in levels):
            yield Target("x86_64", None, None, level, hosts, share(hosts))


def _summary(found: Baseline) -> Iterator[RenderableType]:
    machines = ", ".join(f"{number:,} {machine}" for machine, number in found.machines.items())
    yield shown(f"{count(found.hosts, 'host')}: {machines or 'none was probed'}", "bold")
    lowest = [
        *([f"kernel {found.kernel}"] if found.kernel else []),
        *(f"{one.libc} {one.release} ({one.machine})" for one in found.platforms if one.release),
        *([found.cpu_level] if found.cpu_level else []),
        *([f"page size {'/'.join(map(str, found.page_sizes))}"] if found.page_sizes else []),
    ]
    if lowest:
        yield shown(f"the lowest: {', '.join(lowest)}")
    if found.left_out:
        yield shown(f"not probed, not counted: {', '.join(fold(found.left_out))}", "yellow")


def _builds(found: Baseline) -> Iterator[RenderableType]:
    table = columns("a build for", "hosts", "share", right=("hosts", "share"))
    for target in found.targets:
        share = f"{100 * target.share:.0f} %"
        table.add_row(shown(_name(target)), Text(f"{target.hosts:,}"), Text(share))
    if found.targets:
        yield table


def _name(target: Target) -> str:
    if target.cpu_level:
        return f"{target.machine}, CPUs from {target.cpu_level} on"
    if target.libc is None:
        return f"{target.machine}, static"
    return f"{target.machine}, {target.libc} {target.floor}"


def _libraries(found: Baseline, view: View) -> Iterator[RenderableType]:
    for platform in found.platforms:
        if not platform.libraries:
            continue
        where = f"{platform.machine} and {platform.libc}"
        yield shown(f"on {count(platform.hosts, 'host')} with {where}, all of them:", "bold")
        table = columns("library", "up to")
        names = list(platform.libraries)
        cut = names if view.verbosity > 0 else names[:_LIBRARIES]
        for name in cut:
            table.add_row(shown(name), shown(", ".join(platform.libraries[name])))
        yield table
        if len(cut) < len(names):
            yield shown(f"and {len(names) - len(cut)} more (-v)", "dim")
