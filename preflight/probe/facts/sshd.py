"""
How sshd lets people log in, as its configuration files say.

The script sends the lines that decide, file within file: ``< FILE`` begins one,
``>`` ends it, ``! FILE`` is one that this user may not read.  Limits: options
on sshd's command line, and another file with ``-f``, are not seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct, field

from preflight.model.audited import Setting, Sshd
from preflight.probe.facts.outputs import Outputs, Unknown, lines_of
from preflight.probe.facts.system import rhel_release

# sshd_config(5); servconf.c, keywords[], calls all three by one name since OpenSSH 8.7.
_NAMES = {
    "passwordauthentication": "password",
    "kbdinteractiveauthentication": "keyboard_interactive",
    "challengeresponseauthentication": "keyboard_interactive",
    "skeyauthentication": "keyboard_interactive",
    "permitrootlogin": "root",
    "usepam": "pam",
    "authenticationmethods": "methods",
}
_DEFAULTS = {
    "password": "yes",
    "keyboard_interactive": "yes",
    "root": "prohibit-password",
    "pam": "no",
    "methods": "any",
}
_ONE_NAME = (8, 7)
# Before, root could log in with a password by default.  RHEL 7 kept that for its OpenSSH 7.4
# (STIG RHEL-07-040370: "missing, or is commented out, this is a finding").
_NO_ROOT = (7, 0)
_LINE = re.compile(r'\s*"?(\w+)"?(?:\s*=\s*|\s+)(.*)')
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_EVERYBODY = "Match all"  # what stands below wins over what stands above any Match
_ALL = re.compile(r"\s*all\s*(?:#.*)?", re.IGNORECASE)
_VERSION = re.compile(r"\bOpenSSH_((\d{1,3})\.(\d{1,3})\w*)")


class _Directive(NamedTuple):
    """One line; *scope* is the Match line that it stands below, None: it holds for everybody."""

    name: str  # in lower case
    value: str
    scope: str | None


class _Read(Struct):
    """What the files said, in sshd's order; the first value of a name holds."""

    first: dict[str, str] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)  # an unread file may have set them before
    matched: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def parse_sshd(outputs: Outputs) -> Sshd | Unknown | None:
    """
    Return the log-in policy, None where there is no sshd_config.

    Source: sshd_config(5); OpenSSH servconf.c, process_server_config_line_depth()
    and fill_default_server_options().
    """
    if "sshd" not in outputs:
        return Unknown("the host did not look for sshd_config")
    lines = lines_of(outputs, "sshd")
    if not lines:
        return None
    if lines[0].startswith("! "):
        return Unknown(f"{lines[0][2:]} is not readable for this user")
    found = _read(lines)
    said = _VERSION.search("\n".join(lines_of(outputs, "sshdversion")))
    number = (int(said[2]), int(said[3])) if said else None
    settings = {name: _setting(name, found) for name in _DEFAULTS}
    settings["keyboard_interactive"] = _interactive(found, number)
    old = number is not None and number < _NO_ROOT
    if settings["root"].default and (old or rhel_release(outputs) == "7"):
        settings["root"] = Setting("yes", default=True)
    return Sshd(
        version=said[1] if said else None,
        matched=tuple(found.matched),
        unread=tuple(found.unread),
        **settings,
    )


def _read(lines: list[str]) -> _Read:
    found, always = _Read(), dict[str, str]()
    for directive in _directives(lines):
        if directive.name == "!":
            found.unread.append(directive.value)
            if directive.scope is None:
                found.doubtful |= set(_NAMES) - found.first.keys()
        elif directive.scope == _EVERYBODY:
            always.setdefault(directive.name, directive.value)
        elif directive.scope is not None:
            found.matched.append(f"{directive.scope}: {directive.name} {directive.value}")
        else:
            found.first.setdefault(directive.name, directive.value)
    over = {_NAMES[name] for name in always}
    kept = {name: value for name, value in found.first.items() if _NAMES[name] not in over}
    found.first = always | kept
    return found


def _directives(lines: list[str]) -> Iterator[_Directive]:
    """Yield the lines that count; a Match ends with the file that it stands in, or at another."""
    scope: str | None = None
    outer: list[str | None] = []
    for line in lines:
        if line.startswith("< "):
            outer.append(scope)
        elif line.startswith(">") and outer:
            scope = outer.pop()
        elif line.startswith("! "):
            yield _Directive("!", line[2:], scope)
        elif (parts := _LINE.fullmatch(line)) is not None:
            name, rest = parts[1].lower(), parts[2]
            if name == "match":
                scope = _scope(rest, outer)
            elif name in _NAMES and (value := _value(name, rest)):
                yield _Directive(name, value, scope)


def _scope(criteria: str, outer: list[str | None]) -> str | None:
    """Return what a Match line limits the rest of its file to; within another, both."""
    inherited = outer[-1] if outer else None
    if _ALL.fullmatch(criteria):
        return inherited or _EVERYBODY
    own = f"Match {criteria.strip()}"
    return own if inherited is None else f"{inherited}, {own}"


def _value(name: str, rest: str) -> str:
    words = []
    for quoted, plain in _WORD.findall(rest):
        if plain.startswith("#"):
            break
        words.append(quoted or plain)
    if name == "authenticationmethods":
        return " ".join(words)
    value = "".join(words[:1]).lower()
    return "prohibit-password" if value == "without-password" else value


def _setting(name: str, found: _Read) -> Setting:
    for keyword, value in found.first.items():
        if _NAMES[keyword] == name:
            return Setting(None if keyword in found.doubtful else value)
    if any(_NAMES[keyword] == name for keyword in found.doubtful):
        return Setting(None)
    return Setting(_DEFAULTS[name], default=True)


def _interactive(found: _Read, version: tuple[int, int] | None) -> Setting:
    """
    Return KbdInteractiveAuthentication.

    Before OpenSSH 8.7, ChallengeResponseAuthentication is another setting, "yes" by
    default, which wins where it is "yes".  Source: sshd.c 8.4, main(), and servconf.c.
    """
    own = "kbdinteractiveauthentication"
    if own not in found.first or version is None or version >= _ONE_NAME:
        return _setting("keyboard_interactive", found)
    challenge = ("challengeresponseauthentication", "skeyauthentication")
    values = [found.first[name] for name in challenge if name in found.first]
    if found.doubtful & {own, *challenge}:
        return Setting(None)
    if not values:
        return Setting("yes", default=True)
    return Setting("yes" if values[0] == "yes" else found.first[own])
