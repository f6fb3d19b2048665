"""
From Ansible's connection variables to the settings of a host.

Of several names of one variable the later one here wins, as in Ansible.
Source: the documentation of the plugins ``ansible.builtin.ssh``, ``paramiko_ssh``
and ``sudo``.  What cannot be honoured is said, and a password never used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from preflight.inventory import values
from preflight.inventory.ansible import ssh_args
from preflight.inventory.ansible.fleet import Fleet, Value, Variables
from preflight.inventory.ansible.needed import PREFIX
from preflight.inventory.ansible.template import fill
from preflight.inventory.ansible.words import theirs
from preflight.inventory.declared import Setting, Settings
from preflight.inventory.values import Refusal, quoted

_ADDRESS = ("ansible_host", "ansible_ssh_host")
_PORT = ("ansible_port", "ansible_ssh_port")
_USER = ("ansible_user", "ansible_ssh_user")
_IDENTITY = ("ansible_private_key_file", "ansible_ssh_private_key_file")
_BECOME_USER = ("ansible_become_user", "ansible_sudo_user")
# The order in which ssh gets them, and of two settings it takes the first.
_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
_OVER_SSH = ("ssh", "smart", "paramiko", "paramiko_ssh")
_HERE = "local"
_SUDO = "sudo"
# ansible.module_utils.parsing.convert_bool
_TRUE = frozenset(("y", "yes", "on", "1", "true", "t", "1.0"))
_FALSE = frozenset(("n", "no", "off", "0", "false", "f", "0.0"))
_HOST_KEY_CHECKING = ("ansible_host_key_checking", "ansible_ssh_host_key_checking")
_HINTS = {
    "ansible_password": "--ask-pass, --password-command",
    "ansible_ssh_pass": "--ask-pass, --password-command",
    "ansible_ssh_password": "--ask-pass, --password-command",
    "ansible_ssh_private_key_passphrase": "ssh-agent",
    "ansible_private_key_passphrase": "ssh-agent",
    "ansible_ssh_private_key": "ssh-agent",
    "ansible_private_key": "ssh-agent",
    "ansible_become_password": "--ask-become-pass, --become-password-command",
    "ansible_become_pass": "--ask-become-pass, --become-password-command",
    "ansible_sudo_pass": "--ask-become-pass, --become-password-command",
}
_NOT_HONOURED = (
    "ansible_become_exe",
    "ansible_become_flags",
    "ansible_paramiko_proxy_command",
    "ansible_ssh_executable",
    "ansible_ssh_pkcs11_provider",
    "ansible_sudo_exe",
    "ansible_sudo_flags",
)


class Translator:
    """The settings of the hosts of one source; *may_run*: a command in them may be run."""

    def __init__(self, fleet: Fleet, *, may_run: bool) -> None:
        self._fleet = fleet
        self._may_run = may_run
        self._base = Path.cwd()  # where ssh starts, which reads the paths

    def settings(self, host: str, variables: Variables) -> Settings:
        """Return the settings of a host; raises `InventoryError` at the variable that is wrong."""
        return _Host(host, variables, self._fleet, self._base, may_run=self._may_run).settings()


class _Host:
    """One host with its variables."""

    def __init__(
        self, name: str, variables: Variables, fleet: Fleet, base: Path, *, may_run: bool
    ) -> None:
        self.name = name
        self.variables = variables
        self.fleet = fleet
        self.base = base
        self.may_run = may_run

    def settings(self) -> Settings:
        """Return what the variables say, by our own names; raises `InventoryError`."""
        found: Settings = {}
        transport = self._transport()
        if transport:
            found["transport"] = transport
        if transport is None:
            self._add(found, "address", _ADDRESS, values.address)
            self._add(found, "port", _PORT, _port)
            self._add(found, "user", _USER, values.user)
            self._add(found, "identity_file", _IDENTITY, self._path)
            self._add_arguments(found)
            self._remark_secrets()
        self._add_become(found)
        self._remark_others()
        return found

    def _text(self, *names: str) -> tuple[str, Value] | None:
        """Return the text and the variable of the last of *names* that has one."""
        for name in reversed(names):
            value = self.variables.get(name)
            text = self._filled(name, value) if value else None
            if value and text:
                return text, value
        return None

    def _filled(self, name: str, value: Value) -> str | None:
        try:
            return fill(value, self.variables, self.name)
        except Refusal as refusal:
            raise self._at(refusal, name, value) from None

    def _at(self, refusal: Refusal, name: str, value: Value) -> Exception:
        return theirs(refusal, value.sign).at(f"{value.place}: {name} of host {quoted(self.name)}")

    def _add(
        self,
        found: Settings,
        key: str,
        names: tuple[str, ...],
        read: Callable[[str], str | int],
    ) -> None:
        given = self._text(*names)
        if given is None:
            return
        text, value = given
        try:
            found[key] = Setting(read(text), value.place)
        except Refusal as refusal:
            raise self._at(refusal, names[0], value) from None

    def _path(self, text: str) -> str:
        return values.local_path(text, self.base)

    def _transport(self) -> Setting | None:
        """Return the transport, None for SSH; a name that we have none of fails that host alone."""
        given = self._text("ansible_connection")
        if given is None:
            return None
        text, value = given
        plain = text.removeprefix("ansible.builtin.").removeprefix("ansible.netcommon.")
        if plain in _OVER_SSH:
            return None
        if plain != _HERE:
            self._remark(value, f"ansible_connection {quoted(text)} is no way to ask a host")
        return Setting(values.plain(plain, "ansible_connection"), value.place)

    def _add_arguments(self, found: Settings) -> None:
        pairs: list[tuple[str, str]] = []
        place = ""
        for name in _ARGUMENTS:
            given = self._text(name)
            if given is None:
                continue
            text, value = given
            place = value.place
            remark = partial(self._remark_of, name, value)
            try:
                options = ssh_args.options(text, remark)
                self._check_programs(options)
            except Refusal as refusal:
                raise self._at(refusal, name, value) from None
            pairs += options
        rest = self._as_keys(found, pairs, place)
        if rest:
            found["ssh_options"] = Setting(tuple(f"{k}={v}" for k, v in rest), place)

    def _as_keys(
        self, found: Settings, pairs: list[tuple[str, str]], place: str
    ) -> list[tuple[str, str]]:
        """Move what is a key of a host to *found*, as the inventory's word; return the rest."""
        rest = []
        for keyword, text in pairs:
            key, read = self._keys.get(keyword.lower(), ("", str))
            if not key:
                rest.append((keyword, text))
            elif key not in found:
                try:
                    found[key] = Setting(read(text), place)
                except Refusal as refusal:
                    raise refusal.at(f"{place}: {keyword} of host {quoted(self.name)}") from None
        return rest

    @property
    def _keys(self) -> dict[str, tuple[str, Callable[[str], str | int]]]:
        return {
            "user": ("user", values.user),
            "port": ("port", _port),
            "identityfile": ("identity_file", self._path),
        }

    def _check_programs(self, options: list[tuple[str, str]]) -> None:
        for keyword, value in options:
            runs = keyword.lower() in ssh_args.RUNS and value.lower() != "none"
            if runs and not self.may_run:
                raise Refusal(
                    f"has a {keyword}, which runs a program on this machine",
                    f"to have it run, name the source as -i {PREFIX}…; a jump host needs none: -J",
                )

    def _add_become(self, found: Settings) -> None:
        given = self._text("ansible_become")
        if given is None:
            return
        text, value = given
        if text.lower() not in _TRUE | _FALSE:
            refusal = Refusal(f"is {quoted(text)}", "write true or false")
            raise self._at(refusal, "ansible_become", value)
        become = text.lower() in _TRUE
        method = self._text("ansible_become_method")
        if become and method and method[0].removeprefix("ansible.builtin.") != _SUDO:
            self._remark(
                method[1],
                f"ansible_become_method {quoted(method[0])} is not honoured: sudo is, so these"
                " hosts are asked by who logs in",
            )
            return
        found["become"] = Setting(become, value.place)
        if become:
            self._add(found, "become_user", _BECOME_USER, lambda t: values.user(t, "become_user"))

    def _remark_secrets(self) -> None:
        for name, instead in _HINTS.items():
            value = self.variables.get(name)
            if value and (value.text or value.kind != "plain"):
                self._remark(value, f"{name} is not used; give it by {instead}")

    def _remark_others(self) -> None:
        for name in _NOT_HONOURED:
            value = self.variables.get(name)
            if value and value.text:
                self._remark(value, f"{name} is not honoured")
        for name in _HOST_KEY_CHECKING:
            value = self.variables.get(name)
            if value and (value.text or "").lower() in _FALSE:
                self._remark(value, f"{name} {ssh_args.LOOSE}")

    def _remark_of(self, name: str, value: Value, text: str) -> None:
        self._remark(value, f"{name}: {text}")

    def _remark(self, value: Value, text: str) -> None:
        self.fleet.remark(value.place, text)


def _port(text: str) -> int:
    """Return a port, which Ansible takes from a number of any kind."""
    return values.port(re.sub(r"\.0$", "", text).lstrip("0") or text)
