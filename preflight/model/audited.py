"""
What an audit found on a host beyond the facts that a verdict needs.

It is about people who run hosts, not about programs: no check reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct, field

_PASSWORDS = {"password", "keyboard-interactive"}


class Disk(Struct, frozen=True):
    """One file system where programs or their data go; sizes in bytes, free for non-root users."""

    point: str
    fstype: str | None  # None: the mount table does not say
    size_bytes: int
    free_bytes: int
    flags: tuple[str, ...]  # of "ro", "noexec", "nosuid", "nodev"


class Setting(Struct, frozen=True):
    """One setting of sshd: *value* None where a file that is not readable may set it."""

    value: str | None
    default: bool = False  # no file sets it: the value is OpenSSH's own


class Sshd(Struct, frozen=True, kw_only=True):
    """
    How sshd lets people log in, by its configuration files.

    *matched* holds what Match blocks set otherwise, as they stand, and *unread*
    the files that this user may not read.
    """

    version: str | None  # "9.2p1"
    password: Setting
    keyboard_interactive: Setting
    root: Setting
    pam: Setting
    methods: Setting
    matched: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def password_alone(self) -> bool | None:
        """
        Whether a password is enough to log in, Match blocks apart; None: not known.

        Keyboard-interactive asks for one where PAM is used.  Source:
        sshd_config(5), AuthenticationMethods, KbdInteractiveAuthentication, UsePAM.
        """
        ways = {"password": self.password.value, "keyboard-interactive": self._interactive()}
        if self.methods.value is None or None in ways.values():
            return None
        usable = {name for name, value in ways.items() if value == "yes"}
        if self.methods.value == "any":
            return bool(usable)
        lists = [set(_names(one)) for one in self.methods.value.split()]
        return any(one <= _PASSWORDS and one <= usable for one in lists)

    def _interactive(self) -> str | None:
        pair = self.keyboard_interactive.value, self.pam.value
        if "no" in pair:
            return "no"
        return None if None in pair else "yes"


def _names(methods: str) -> list[str]:
    """Return the methods of one list; ``keyboard-interactive:pam`` names a device."""
    return [name.partition(":")[0].lower() for name in methods.split(",")]


class Exposed(Struct, frozen=True):
    """A file for secrets that every user of the host may read; its content was not looked at."""

    path: str
    mode: str  # "0644"
    uid: int


class Watcher(Struct, frozen=True, order=True):
    """A program that watches the host and runs, by the name of its unit or process."""

    kind: Literal["metrics", "logs", "security"]
    name: str


class Audited(Struct, frozen=True, kw_only=True):
    """
    What was found; None where the host has no such thing.

    What could not be looked at is None too, and stands in *unknown* with the
    reason, under the name of the field.
    """

    memory_bytes: int | None = None  # MemTotal
    cpus: int | None = None  # that are online
    disks: tuple[Disk, ...] | None = None
    init: str | None = None
    container: str | None = None
    apparmor: bool | None = None  # the kernel has it switched on
    fapolicyd: bool | None = None
    package_managers: tuple[str, ...] | None = None
    sshd: Sshd | None = None  # None: no configuration of OpenSSH's server
    watchers: tuple[Watcher, ...] | None = None
    exposed: tuple[Exposed, ...] | None = None
    clock_offset_s: int | None = None  # of the host against this machine; 0: none that shows
    unknown: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
