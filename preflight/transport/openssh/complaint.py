"""
What ssh says when it fails, in the report's words.

Sources: OpenSSH sshconnect.c, sshconnect2.c, packet.c, kex.c, clientloop.c; the
tests hold the sentences against the ssh that is installed.
"""

from __future__ import annotations

import re

from msgspec import Struct

from preflight.errors import TransportError
from preflight.model import text
from preflight.transport import Deadline
from preflight.transport.lost import lost
from preflight.transport.refusal import UNREACHED, refused_behind

_SHOWN_CHARS = 300
_KEY_HINT = "verify the key out of band, then record it in known_hosts"
_UNREADABLE = re.compile(r"^(?:no such identity: .*|Load key .*)$", re.MULTILINE)
# What stands in for an address where ssh talks through another program.
_BY_PROXY = "UNKNOWN port 65535"
# What follows from the end of the program between, and says nothing of it.
_CONSEQUENCE = re.compile(rf"^kex_exchange_identification: |{_BY_PROXY}$|^stdio forwarding failed")


class _Rule(Struct, frozen=True):
    """A line that tells what happened; the first rule with such a line counts."""

    line: re.Pattern[str]
    status: str
    cause: str
    hint: str | None = None


def _rule(line: str, status: str, cause: str, hint: str | None = None) -> _Rule:
    return _Rule(re.compile(line), status, cause, hint)


_RULES = (
    _rule(r"^Host key for .* has changed|^Offending .* key in", "host-key", "host-key-changed"),
    _rule(r"was revoked and you have requested|revoked by file", "host-key", "host-key-revoked"),
    _rule(r"^No .* host key is known for", "host-key", "host-key-unknown", _KEY_HINT),
    _rule(r"^Host key verification failed", "host-key", "host-key-unknown", _KEY_HINT),
    _rule(r"Could not resolve hostname", "unreachable", "name-not-found"),
    *(
        _rule(rf"^ssh: connect to .*: {words}", status, cause)
        for words, (status, cause) in UNREACHED.items()
    ),
    _rule(r"^ssh: connect to ", "unreachable", "no-route"),
    _rule(r"^Unable to negotiate with", "error", "algorithms-incompatible"),
    _rule(r"^Protocol major versions differ", "error", "algorithms-incompatible"),
    _rule(r"Too many authentication failures", "auth-failed", "auth-refused"),
    _rule(r"Permission denied \(", "auth-failed", "auth-refused"),
    _rule(r"timed out during banner exchange", "timeout", "banner-timeout"),
    _rule(r"^Connection to .* timed out", "timeout", "connect-timeout"),
    _rule(r"banner line too long|No SSH version received", "error", "not-ssh"),
    _rule(r"^Bad remote protocol version", "error", "not-ssh"),
    _rule(r"^Timeout, server .* not responding", "unreachable", "connection-lost"),
    _rule(r"^Received disconnect from", "unreachable", "connection-lost"),
    _rule(r"^kex_exchange_identification: ", "unreachable", "connection-lost"),
    _rule(r"^Connection (?:closed|reset) by", "unreachable", "connection-lost"),
)
_REFUSED_BEHIND = re.compile(r"open failed: (?:connect failed: )?(.*)")


def explain(says: str, deadline: Deadline) -> TransportError:
    """Return why an ssh that said *says* has not logged in."""
    if not deadline.left_s():
        return lost("while logging in", deadline)
    lines = [line.strip() for line in says.splitlines() if line.strip()]
    if f"Connection to {_BY_PROXY} timed out" in lines:
        return TransportError("timeout", "connect-timeout", "no answer through the jump host")
    if any(_BY_PROXY in line for line in lines):
        return _between([line for line in lines if not _CONSEQUENCE.search(line)])
    rule, line = _find(lines)
    if rule is None:
        return TransportError("error", "protocol", f"ssh ended: {shown(last(says))}")
    if rule.cause == "auth-refused" and (key := _UNREADABLE.search(says)):
        return TransportError("auth-failed", "key-unreadable", f"{shown(key[0])}; {shown(line)}")
    more = [one for one in lines if rule.line.search(one) or one.startswith("SHA256:")]
    return TransportError(rule.status, rule.cause, shown("; ".join(more)), rule.hint)


def _between(lines: list[str]) -> TransportError:
    """Return why the program that should have connected us ended: an ssh -W, or another."""
    for line in lines:
        if found := _REFUSED_BEHIND.search(line):
            return refused_behind(found[1], f"the jump host cannot connect: {shown(line)}")
    rule, line = _find(lines)
    if rule is not None:
        reason = f"the jump host: {shown(line)}"
        passing = rule.cause == "connection-lost"
        return TransportError(rule.status, "jump-failed", reason, rule.hint, passing=passing)
    reason = f"the proxy command ended: {shown(lines[-1])}" if lines else "the proxy command ended"
    return TransportError("unreachable", "proxy-command-failed", reason)


def _find(lines: list[str]) -> tuple[_Rule | None, str]:
    for rule in _RULES:
        for line in reversed(lines):
            if rule.line.search(line):
                return rule, line
    return None, ""


def last(says: str) -> str:
    """Return the last line of what ssh said."""
    return (says.strip().splitlines() or ["it said nothing"])[-1]


def shown(line: str) -> str:
    """Return a line that a host may have had a word in, for a reason to show."""
    return text.printable(line)[:_SHOWN_CHARS]
