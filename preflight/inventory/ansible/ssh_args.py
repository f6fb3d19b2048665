"""
ssh's command-line arguments in ``ansible_ssh_*_args``, as options of ssh_config(5).

Source: OpenSSH, ssh(1).  What changes nothing of a log-in is dropped, what
would loosen how a host proves who it is, or what means nothing here, is said.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator

from preflight.inventory.values import Refusal, quoted

# ssh(1): flags without and with an argument.
_BARE = "46AaCfGgKkMNnqsTtVvXxYy"
_TAKING = "BbcDEeFIiJLlmOoPpQRSWw"
_AS_OPTION = {
    "4": ("AddressFamily", "inet"),
    "6": ("AddressFamily", "inet6"),
    "b": ("BindAddress", None),
    "c": ("Ciphers", None),
    "i": ("IdentityFile", None),
    "J": ("ProxyJump", None),
    "l": ("User", None),
    "m": ("MACs", None),
    "p": ("Port", None),
}
# Nothing of who a host is, how it is reached and who logs in.
_NO_MATTER = frozenset("AaCKkNnqTtvXxYySEfM")
_IDLE_OPTIONS = (
    "batchmode clearallforwardings compression controlmaster controlpath controlpersist"
    " escapechar exitonforwardfailure fingerprinthash forkafterauthentication forwardagent"
    " forwardx11 forwardx11timeout forwardx11trusted gssapiauthentication"
    " gssapidelegatecredentials ignoreunknown ipqos localcommand loglevel logverbose"
    " numberofpasswordprompts permitlocalcommand requesttty sendenv serveralivecountmax"
    " serveraliveinterval setenv stdinnull tcpkeepalive visualhostkey xauthlocation"
)
_IDLE = frozenset(_IDLE_OPTIONS.split())
# ssh would run a program, or read a file that may name one.
RUNS = frozenset(
    ("proxycommand", "knownhostscommand", "pkcs11provider", "securitykeyprovider", "include")
)
_HOST_KEYS = ("stricthostkeychecking", "userknownhostsfile", "globalknownhostsfile")
_OPTION = re.compile(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(\S[^\x00-\x1f\x7f]*)")
_THROUGH = re.compile(r"%h:%p|\[%h\]:%p")

LOOSE = "does not loosen how hosts prove who they are: see --host-key-checking"


def options(text: str, remark: Callable[[str], None]) -> list[tuple[str, str]]:
    """
    Return keyword and value of each option, in their order, of which ssh takes the first.

    *remark* is told what is left out.  Raises `Refusal` for what is no arguments of ssh's.
    """
    found = [pair for pair in _pairs(_words(text), remark) if pair[0].lower() not in _IDLE]
    loose = any(
        key.lower() == "stricthostkeychecking" and value.lower() not in ("yes", "true", "ask")
        for key, value in found
    )
    if loose:
        remark(f"StrictHostKeyChecking {LOOSE}")
        found = [(key, value) for key, value in found if key.lower() not in _HOST_KEYS]
    return [_as_jump(key, value) for key, value in found]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as problem:
        raise Refusal(f"has {str(problem).lower()}", "close the quotes") from None


def _pairs(words: list[str], remark: Callable[[str], None]) -> Iterator[tuple[str, str]]:
    rest = iter(words)
    for word in rest:
        if not re.fullmatch(r"-[A-Za-z0-9].*", word, re.DOTALL):
            raise Refusal(f"has {quoted(word)}, which is no option of ssh", "write -o KEY=VALUE")
        letters = word[1:]
        while letters:
            flag, letters = letters[0], letters[1:]
            argument = None
            if flag in _TAKING:
                argument, letters = letters or next(rest, None), ""
                if argument is None:
                    raise Refusal(f"ends with -{flag}, which takes a value", "add the value")
            elif flag not in _BARE:
                raise Refusal(f"has -{flag}, which ssh does not know", "see ssh(1)")
            yield from _pair(flag, argument, remark)


def _pair(
    flag: str, argument: str | None, remark: Callable[[str], None]
) -> Iterator[tuple[str, str]]:
    if flag == "o":
        match = _OPTION.fullmatch(argument or "")
        if not match:
            raise Refusal("has an -o without KEY=VALUE", "write -o KEY=VALUE")
        yield match[1], match[2]
    elif flag in _AS_OPTION:
        keyword, given = _AS_OPTION[flag]
        yield keyword, given or argument or ""
    elif flag not in _NO_MATTER:
        remark(f"ssh's -{flag} is not honoured")


def _as_jump(keyword: str, value: str) -> tuple[str, str]:
    """Return the ProxyJump that a ProxyCommand comes to: ``ssh -W %h:%p [user@]host``."""
    if keyword.lower() != "proxycommand":
        return keyword, value
    hop = _hop(value)
    return (keyword, value) if hop is None else ("ProxyJump", hop)


def _hop(command: str) -> str | None:
    """Return ``[user@]host[:port]`` where *command* does nothing else than to jump there."""
    try:
        program, *words = shlex.split(command)
    except ValueError:
        return None
    if program not in ("ssh", "/usr/bin/ssh"):
        return None
    user = port = target = None
    through = False
    rest = iter(words)
    for word in rest:
        if word in ("-W", "-l", "-p"):
            value = next(rest, "")
            through = through or (word == "-W" and _THROUGH.fullmatch(value) is not None)
            user = value if word == "-l" else user
            port = value if word == "-p" else port
        elif word.startswith("-"):
            if not re.fullmatch("-[qTAaxCkn]+", word):
                return None
        elif target is None:
            target = word
        else:
            return None
    if not through or target is None or "%" in target or ":" in target:
        return None
    if user and "@" not in target:
        target = f"{user}@{target}"
    return f"{target}:{port}" if port else target
