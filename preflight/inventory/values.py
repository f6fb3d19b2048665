"""
What the keys of an inventory take: one reader a kind of value.

A reader gets the text as it was written and returns the value, or raises
`Refusal`, whose problem never holds what may be a password.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from msgspec import Struct

from preflight.errors import InventoryError
from preflight.model.nodeset import TooManyNamesError, expand, is_ipv6
from preflight.model.text import printable

DIRECTLY = "none"  # what `jump` takes to undo an inherited one, as ssh_config's ProxyJump

_NAME = re.compile(r"\w[\w.-]{0,252}")
# The words that tools give to a secret, alone (ssh_pass) or as an ending (sudopassword).
_SECRET = re.compile(
    r"(?:^|[^a-z])(?:pass|sshpass|pw|secrets?|tokens?|apikey|api_key|private_key$)(?:$|[^a-z])"
    r"|(?:password|passwd|passphrase)s?(?:$|[^a-z])"
)
_LOGIN_PASSWORD = re.compile(r"(?:^|://)[^/:@]*:(?!//).+@", re.DOTALL)
# A colon in a bracket belongs to a range or an address.
_WITH_PORT = re.compile(r"((?:[^:\[\]]|\[[^\[\]]*\])+):([^:\[\]]*)")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_URL_PASSWORD = re.compile(r"://[^/@\s:]*:[^/@\s]+@")

_LOG_IN = "log in with a key (identity_file: ~/.ssh/id_ed25519) or with ssh-agent, and remove it"
_NOT_NEEDED = "remove it: whether a program starts does not depend on it"


class Refusal(Exception):  # noqa: N818  (it becomes an error where the place is known)
    """A text that a key does not take, and what to type instead."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint

    def at(self, place: str) -> InventoryError:
        """Return the error for the place where the text stands."""
        return InventoryError(f"{place}: {self.problem}", self.hint)


class Endpoint(Struct, frozen=True):
    """``[user@]host[:port]``; the host may hold ranges, or be an IPv6 address without brackets."""

    host: str
    user: str | None = None
    port: int | None = None

    @property
    def is_bare_word(self) -> bool:
        """Whether it can hardly be anything but the name of a host in the inventory."""
        return self.user is None and self.port is None and not set(".:") & set(self.host)


def quoted(text: str) -> str:
    """Return *text* in quotes, short and harmless to show: no control, no password."""
    text = _without_password(text)
    return repr(text if len(text) <= 60 else text[:59] + "…")


def unreadable(path: str, number: int) -> str:
    """Return what is wrong with a file that cannot be read, in the words of *number*, an errno."""
    return f"{printable(_without_password(path))}: {os.strerror(number).lower()}"


def free_key(key: str, what: str) -> None:
    """Raise `Refusal` for what can be no label and no environment variable."""
    refuse_secret_key(key, what, _NOT_NEEDED)
    if "=" in plain(key, f"a name in {what}"):
        raise Refusal(f"{quoted(key)} of {what} holds a '='", "write 'NAME: value'")


def refuse_secret_key(key: str, what: str, hint: str = _LOG_IN) -> None:
    """Raise `Refusal` for a key that can only hold a secret."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()
    if _SECRET.search(words) and not words.endswith(("file", "path", "dir")):
        raise _secret(f"{quoted(key)} of {what}", hint)


def host_name(text: str, what: str = "") -> str:
    """Return the name of a host or a group, an IPv6 address without its brackets."""
    if is_ipv6(text):
        return text.strip("[]")
    if not _NAME.fullmatch(text):
        raise _name_refusal(text, what)
    if text == "all":
        raise Refusal("'all' always means every host", "choose another name")
    return text


def names(text: str) -> tuple[str, ...]:
    """Return the names of hosts that *text* stands for, ranges expanded."""
    if _LOGIN_PASSWORD.search(text):
        raise _name_refusal(text)
    try:
        found = expand(text)
    except TooManyNamesError as problem:
        raise Refusal(str(problem), "give preflight a part of the fleet") from None
    except ValueError as problem:
        raise Refusal(
            str(problem), "write a range as [01:20] or [a:f], the lower end first"
        ) from None
    return tuple(map(host_name, found))


def endpoint(text: str) -> Endpoint:
    """Return ``[user@]host[:port]`` in its parts."""
    login, at, rest = text.rpartition("@")
    name, port_text = (rest, None) if is_ipv6(rest) else _split_port(rest)
    return Endpoint(
        host=name.strip("[]") if is_ipv6(name) else name,
        user=user(login) if at else None,
        port=None if port_text is None else _port_after(name, port_text),
    )


def port(text: str) -> int:
    """Return a TCP port."""
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) > 65535:
        raise Refusal(f"port {quoted(text)} is not between 1 and 65535", "write port: 22")
    return int(text)


def address(text: str) -> str:
    """Return the name or the IP address where a host is reached."""
    if not text:
        raise Refusal("address is empty", "give it a value or remove the line")
    return host_name(text, "address")


def user(text: str, key: str = "user") -> str:
    """Return a log-in name; what follows a colon in it would be a password."""
    if ":" in text:
        raise _secret(f"what follows the colon in {key!r}")
    if not text or text.startswith("-") or re.search(r"\s", text):
        raise Refusal(f"{key} {quoted(text)} is no user name", f"write {key}: deploy")
    return plain(text, key)


def jump(text: str) -> str:
    """Return a jump host as it was written: a name, ``[user@]host[:port]``, or ``none``."""
    if "," in text:
        raise Refusal(
            "jump names several hosts",
            "name the last one, and give that host a jump of its own",
        )
    host_name(endpoint(text).host, "jump")
    return text


def local_path(text: str, base: Path) -> str:
    """Return the absolute path on this machine; relative ones start at *base*."""
    path = os.path.expanduser(plain(text, "path"))  # noqa: PTH111  (Path raises for an unknown user)
    if path.startswith("~"):
        raise Refusal(f"there is no home directory for {quoted(text)}", "write the whole path")
    return os.path.normpath(os.path.join(base, path))  # noqa: PTH118  (quicker, 10,000 times)


def host_path(text: str) -> str:
    """Return an absolute path on the host; a trailing slash is kept."""
    if not text.startswith("/"):
        raise Refusal(f"path {quoted(text)} is not absolute", "start it with '/'")
    return plain(text, "path")


def plain(text: str, what: str) -> str:
    """Return *text* that is not empty and holds no control character."""
    if not text:
        raise Refusal(f"{what} is empty", "give it a value or remove the line")
    if _CONTROL.search(text):
        raise Refusal(f"{what} {quoted(text)} holds a control character", "remove the character")
    return value(text, what)


def value(text: str, what: str) -> str:
    """Return *text* that an environment can hold and that is no URL with a password."""
    if _NO_TEXT.search(text):
        raise Refusal(f"{what} holds a NUL or half a character", "remove the character")
    if _URL_PASSWORD.search(text):
        raise _secret(f"the URL in {what}", _NOT_NEEDED)
    return text


def _without_password(text: str) -> str:
    return re.sub(r"(?<=:)(?!//)[^@]+(?=@)", "…", text)


def _split_port(text: str) -> tuple[str, str | None]:
    match = _WITH_PORT.fullmatch(text)
    return (match[1], match[2]) if match else (text, None)


def _port_after(name: str, text: str) -> int:
    if not re.fullmatch("[0-9]+", text):  # it may be a password
        raise Refusal(f"what follows {quoted(name + ':')} is no port", "write a number, as in :22")
    return port(text)


def _secret(where: str, hint: str = _LOG_IN) -> Refusal:
    return Refusal(
        f"{where} looks like a password; an inventory is shared and shown, and no place for one",
        hint,
    )


def _name_refusal(text: str, what: str = "") -> Refusal:
    if _LOGIN_PASSWORD.search(text):
        return _secret("what stands before the '@' of a host")
    hint = "a name holds letters, digits, '.', '-' and '_', and does not start with '.' or '-'"
    if "@" in text:
        hint = "write the user apart: {user: NAME}"
    elif re.fullmatch(r"[^:]+:[0-9]+", text):
        hint = "write the port apart: {port: NUMBER}"
    else:
        text = re.sub(":.*", ":…", text, flags=re.DOTALL)  # what follows may be a password
    return Refusal(f"{what} {quoted(text)} is not a valid name".lstrip(), hint)
