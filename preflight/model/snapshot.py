"""What a host has, as far as it was asked: facts, and answers to questions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct, field

from preflight.model.audited import Audited
from preflight.model.question import Answer, Question

Status = Literal["probed", "unreachable", "auth-failed", "host-key", "timeout", "error", "not-run"]
HostKeyState = Literal["verified", "accepted-new", "not-verified"]
# Why a host has another status than "probed".  Enumerations may grow.
CAUSES = (
    "connection-refused",
    "no-route",
    "name-not-found",
    "connect-timeout",
    "connection-lost",
    "banner-timeout",
    "not-ssh",
    "host-key-unknown",
    "host-key-changed",
    "host-key-revoked",
    "host-key-ca-unsupported",
    "host-key-certificate",
    "revoked-keys-unreadable",
    "algorithms-incompatible",
    "auth-refused",
    "no-credential",
    "key-unreadable",
    "auth-stopped",
    "password-refused",
    "become-failed",
    "jump-failed",
    "proxy-command-failed",
    "too-many-connections",
    "no-shell",
    "no-such-transport",
    "answer-timeout",
    "ssh-config-unusable",
    "deadline",
    "output-limit",
    "protocol",
    "interrupted",
    "no-facts",
    "internal",
)


class Libc(Struct, frozen=True):
    """One ELF interpreter that lies on the host."""

    interpreter: str
    machine: str
    family: str
    version: str | None


class Mount(Struct, frozen=True):
    """One line of /proc/self/mountinfo, in its order."""

    point: str
    source: str
    fstype: str
    options: tuple[str, ...]  # per mount and per superblock


class BinfmtHandler(Struct, frozen=True):
    """One enabled entry of binfmt_misc that matches by magic (kernel admin guide, binfmt-misc)."""

    name: str
    interpreter: str
    flags: str
    offset: int
    magic: bytes
    mask: bytes  # as long as magic; all ones where the entry has none


class Facts(Struct, frozen=True, kw_only=True):
    """
    What the facts script found; None where the host has no such thing.

    What could not be looked at is None here and named, with the reason, in
    `Snapshot.facts_unknown` under the field's name; there "answers" says why
    questions were left open.
    """

    system: str | None = None  # uname -s
    machine: str | None = None  # uname -m
    kernel: str | None = None  # uname -r
    os: str | None = None  # PRETTY_NAME of os-release
    os_id: str | None = None
    os_version: str | None = None
    libcs: tuple[Libc, ...] = ()
    ldd_version: str | None = None
    ldd_family: str | None = None
    cpu_level: str | None = None  # "x86-64-v3"; None on other machines
    cpu_flags: tuple[str, ...] = ()
    cpu_vendor: str | None = None
    page_size: int | None = None
    at_platform: bool | None = None  # programs are told AT_PLATFORM, as by every kernel of Linux
    shell_head: bytes = b""  # the first 20 bytes of /bin/sh
    loaders: tuple[str, ...] = ()  # ELF interpreters at the usual paths
    mounts: tuple[Mount, ...] | None = None
    binfmt: tuple[BinfmtHandler, ...] | None = None
    ia32: bool | None = None  # an x86-64 kernel that runs i386 programs
    selinux: str | None = None  # "enforcing", "permissive"; None where there is none
    ima_appraise: bool | None = None  # the kernel was started to appraise what it executes
    uid: int | None = None
    gids: tuple[int, ...] = ()
    user: str | None = None
    proc_mounted: bool | None = None
    clock_s: int | None = None

    @property
    def kernel_release(self) -> tuple[int, int, int] | None:
        """
        The numbers of uname -r: (6, 1, 0) for "6.1.0-18-amd64"; None where it is not known.

        A number that is not told is 0.  Source: glibc
        sysdeps/unix/sysv/linux/dl-sysdep.c, _dl_discover_osversion().
        """
        numbers = re.findall(r"\d+", (self.kernel or "").partition("-")[0])[:3]
        major, minor, patch = [*map(int, numbers), 0, 0, 0][:3]
        return (major, minor, patch) if numbers else None

    @property
    def told(self) -> Facts:
        """The facts that a report tells; of the others each host may have its own."""
        return Facts(
            system=self.system,
            machine=self.machine,
            kernel=self.kernel,
            os=self.os,
            libcs=self.libcs,
            ldd_version=self.ldd_version,
            cpu_level=self.cpu_level,
            page_size=self.page_size,
        )

    def mount_of(self, real_path: str) -> Mount | None:
        """Return the mount that holds *real_path*, None where none is known."""
        holder: Mount | None = None
        for mount in self.mounts or ():
            point = mount.point.rstrip("/")
            inside = real_path == point or real_path.startswith(point + "/")
            if inside and (holder is None or len(mount.point) >= len(holder.point)):
                holder = mount
        return holder

    def noexec_mount(self, real_path: str) -> Mount | None:
        """Return the mount that holds *real_path*, where it forbids execution; else None."""
        holder = self.mount_of(real_path)
        return holder if holder is not None and "noexec" in holder.options else None


class Snapshot(Struct, frozen=True, kw_only=True):
    """One host as it was found: plain data, good for judging any binary later."""

    host: str
    address: str
    status: Status
    cause: str | None = None
    reason: str | None = None
    host_key: HostKeyState | None = None  # None: no SSH, or not reached
    rounds: int = 0
    facts: Facts = Facts()
    facts_unknown: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    answers: Mapping[Question, Answer] = field(default_factory=lambda: MappingProxyType({}))
    audited: Audited | None = None  # None: no audit asked the host
