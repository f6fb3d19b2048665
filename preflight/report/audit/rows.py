"""
The facts of a host in words: what the table shows, and what groups and drift compare.

A row is a text, or None with a reason in `reason_of` where nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from msgspec import Struct

from preflight.model.audit import HostAudit
from preflight.model.audited import Disk, Setting, Sshd
from preflight.model.ground import Footing
from preflight.model.nodes import newest
from preflight.model.releases import release_of

NOT_AUDITED = "its facts were not collected by an audit"
NO_SSHD = "no OpenSSH server"
_GIB = 1 << 30
_LARGE_GIB = 8  # from here on memory is told in whole GiB
_SHOWN = re.compile(r"(?:GLIBC|GLIBCXX|CXXABI|OPENSSL)_[0-9]{1,18}(?:[._][0-9]{1,18})*[a-z]?")

# Returns the words of a row, None where nobody knows.
Reading: TypeAlias = Callable[[HostAudit], "str | None"]


class Row(Struct, frozen=True):
    """One fact; *fields* name it where it is unknown."""

    name: str
    title: str
    read: Reading
    fields: tuple[str, ...] = ()
    quiet: bool = False  # shown with -v alone, and in drift


def value_of(row: Row, host: HostAudit) -> str | None:
    """Return the words of *row*, None where nobody knows."""
    if any(name in host.unknown for name in row.fields):
        return None
    return row.read(host)


def reason_of(row: Row, host: HostAudit) -> str:
    """Return why nobody knows *row*."""
    if row.name == "support" and not any(name in host.unknown for name in row.fields):
        return "the release is not in preflight's table, or its end is not fixed"
    reasons = (host.unknown[name] for name in row.fields if name in host.unknown)
    return next(reasons, NOT_AUDITED if host.audited is None else "the host does not say")


def newest_nodes(footing: Footing) -> dict[str, str]:
    """Return the highest public version node of each kind, by the kind: GLIBC, OPENSSL."""
    nodes = (node for nodes in footing.libraries.values() for node in nodes)
    return newest(filter(_SHOWN.fullmatch, nodes), _split)


def _split(node: str) -> tuple[str, tuple[tuple[int, ...], str]]:
    """Return kind and order of a node; of OPENSSL_1_1_1d all numbers count, then the letter."""
    return node.partition("_")[0], (tuple(map(int, re.findall("[0-9]+", node))), node)


def _of_platforms(host: HostAudit, words: Iterable[str]) -> str | None:
    """Join one word for each platform; alike on all of them, it stands once."""
    pairs = [(f.platform, word) for f, word in zip(host.footings, words, strict=True) if word]
    if len({word for _, word in pairs}) <= 1:
        return pairs[0][1] if pairs else None
    return ", ".join(f"{word} ({platform.machine})" for platform, word in pairs)


def _nodes(*kinds: str) -> Reading:
    def read(host: HostAudit) -> str | None:
        found = [newest_nodes(footing) for footing in host.footings]
        words = (", ".join(nodes[kind] for kind in kinds if kind in nodes) for nodes in found)
        return _of_platforms(host, words) or ("none" if found else None)

    return read


def _files(host: HostAudit) -> str | None:
    named = (
        f"{name} {digest[:12]}" for f in host.footings for name, digest in sorted(f.files.items())
    )
    return ", ".join(dict.fromkeys(named)) or None


def _libcs(host: HostAudit) -> str | None:
    known = (f"{c.family} {c.version or '?'} ({c.interpreter})" for c in host.facts.libcs)
    return ", ".join(sorted(known)) or None


def end_of_support(host: HostAudit) -> str | None:
    """Return the last day of support, as in "2028-06-30"; None where it is not known."""
    release = release_of(host.facts.os_id, host.facts.os_version)
    if release is None or release.end_of_support is None:
        return None
    return release.end_of_support.isoformat()


def _memory(host: HostAudit) -> str | None:
    if host.audited is None or host.audited.memory_bytes is None:
        return None
    return size(host.audited.memory_bytes)


def size(number: int) -> str:
    """Return bytes as people say them: "3.8 GiB", "16 GiB"."""
    amount = number / _GIB
    return f"{amount:,.0f} GiB" if amount >= _LARGE_GIB else f"{amount:.1f} GiB"


def mount_words(disk: Disk) -> str:
    """Return a file system without what changes by the minute: "/tmp tmpfs noexec,nodev"."""
    return " ".join(filter(None, (disk.point, disk.fstype, ",".join(disk.flags))))


def _mounts(host: HostAudit) -> str | None:
    if host.audited is None or host.audited.disks is None:
        return None
    return "; ".join(map(mount_words, host.audited.disks))


def _audited(name: str, absent: str = "none") -> Reading:
    def read(host: HostAudit) -> str | None:
        if host.audited is None:
            return None
        value = getattr(host.audited, name)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple):
            return ", ".join(value) or absent
        return absent if value is None else str(value)

    return read


def _sshd(say: Callable[[Sshd], str | None]) -> Reading:
    def read(host: HostAudit) -> str | None:
        if host.audited is None:
            return None
        return NO_SSHD if host.audited.sshd is None else say(host.audited.sshd)

    return read


def _setting(name: str) -> Reading:
    def say(sshd: Sshd) -> str | None:
        setting: Setting = getattr(sshd, name)
        if setting.value is None:
            return None
        return f"{setting.value} (default)" if setting.default else setting.value

    return _sshd(say)


def _passwords(sshd: Sshd) -> str | None:
    if sshd.password_alone is None:
        return None
    said = "yes" if sshd.password_alone else "no, by key only"
    extra = [f"but {'; '.join(sshd.matched)}"] if sshd.matched else []
    extra += [f"but {', '.join(sshd.unread)} not readable"] if sshd.unread else []
    return ", ".join([said, *extra])


def _selinux(host: HostAudit) -> str:
    return host.facts.selinux or "none"


def _watchers(host: HostAudit) -> str | None:
    if host.audited is None or host.audited.watchers is None:
        return None
    kinds: dict[str, list[str]] = {}
    for watcher in host.audited.watchers:
        kinds.setdefault(watcher.kind, []).append(watcher.name)
    return "; ".join(f"{k}: {', '.join(n)}" for k, n in kinds.items()) or "by nothing known"


def _exposed(host: HostAudit) -> str | None:
    if host.audited is None or host.audited.exposed is None:
        return None
    return ", ".join(f"{one.path} ({one.mode})" for one in host.audited.exposed) or "none seen"


def _fact(name: str) -> Reading:
    def read(host: HostAudit) -> str | None:
        value = getattr(host.facts, name)
        return None if value is None else str(value)

    return read


def _cpu(host: HostAudit) -> str | None:
    return host.facts.cpu_level or ("no levels" if host.facts.machine else None)


def _system(host: HostAudit) -> str | None:
    return host.facts.os or host.facts.system


ROWS = (
    Row("system", "system", _system, ("os",)),
    Row("support", "supported until", end_of_support, ("os",)),
    Row("kernel", "kernel", _fact("kernel"), ("kernel",)),
    Row("machine", "machine", _fact("machine"), ("machine",)),
    Row("cpu_level", "CPU level", _cpu, ("cpu_level",)),
    Row("cpus", "CPUs", _audited("cpus"), ("cpus",)),
    Row("memory", "memory", _memory, ("memory_bytes",)),
    Row("page_size", "page size", _fact("page_size"), ("page_size",)),
    Row("libcs", "C libraries", _libcs, ("loaders",)),
    Row("glibc", "glibc offers", _nodes("GLIBC")),
    Row("libstdcxx", "libstdc++ offers", _nodes("GLIBCXX", "CXXABI")),
    Row("openssl", "OpenSSL offers", _nodes("OPENSSL")),
    Row("libraries", "library files", _files, quiet=True),
    Row("packages", "packages", _audited("package_managers"), ("package_managers",)),
    Row("init", "init", _audited("init"), ("init",)),
    Row("container", "container", _audited("container", "no"), ("container",)),
    Row("mounts", "mounts", _mounts, ("disks",)),
    Row("selinux", "SELinux", _selinux, ("selinux",)),
    Row("apparmor", "AppArmor", _audited("apparmor"), ("apparmor",)),
    Row("fapolicyd", "fapolicyd", _audited("fapolicyd"), ("fapolicyd",)),
    Row("password_login", "log in by password", _sshd(_passwords), ("sshd",)),
    Row("root_login", "PermitRootLogin", _setting("root"), ("sshd",)),
    Row("password", "PasswordAuthentication", _setting("password"), ("sshd",)),
    Row("keyboard", "KbdInteractiveAuthentication", _setting("keyboard_interactive"), ("sshd",)),
    Row("watched", "watched", _watchers, ("watchers",)),
    Row("exposed", "exposed secrets", _exposed, ("exposed",)),
)


def read_rows(host: HostAudit) -> Iterator[str | None]:
    """Yield the values of all rows."""
    return (value_of(row, host) for row in ROWS)
