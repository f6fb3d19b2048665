"""
``ports_free: [8080, 53/udp]``: may the program listen there?

Nobody listens at the port, on any address (proc(5), /proc/net/tcp, in the network namespace of
who looked), and a port that only root may take (ip(7), ip_unprivileged_port_start) is not left to
another user: whether that one has CAP_NET_BIND_SERVICE is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.requirements.kind import Kind, unmet, unsure
from preflight.model.form import Text, Texts
from preflight.model.need import Need
from preflight.model.question import Absent, Failed, NotAsked, Said
from preflight.model.verdict import Finding

CODE = "requirement-port"
_NUMBER = (
    r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
PORT = Text(rf"{_NUMBER}(?:/(?:tcp|udp))?", "a port from 1 to 65535", "8080", "or 53/udp")
_STATES = {"tcp": "0A", "udp": "07"}  # listening; bound (include/net/tcp_states.h)
_FIRST_FREE = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
_USUAL_FIRST_FREE = 1024  # before Linux 4.11
_LINE = re.compile(r" *\d+: ([0-9A-F]+):[0-9A-F]{4} \S+ \S+ \S+ \S+ \S+ +(\d+)")


def check(need: Need, case: Case) -> Iterator[Finding]:
    """The port is free, and may be taken."""
    number, _, protocol = need.subject.partition("/")
    protocol = protocol or "tcp"
    answer = case.inquiry.said("ports", protocol, f"{int(number):04X}", _STATES[protocol])
    if isinstance(answer, Failed | Absent):
        yield unsure(CODE, need, f"who listens at port {need.subject} is not known: {answer.errno}")
    elif isinstance(answer, Said) and (taken := parse(answer.text)):
        message = f"port {need.subject} is taken, and it has to be free"
        yield unmet(CODE, need, message, *taken)
    yield from _privileged(need, int(number), case)


def parse(said: str) -> tuple[str, ...]:
    """Return who listens: ``127.0.0.1, by uid 33`` for each line of /proc/net/tcp or tcp6."""
    found = (_LINE.match(line) for line in said.splitlines())
    return tuple(f"at {_address(one[1])}, by uid {one[2]}" for one in found if one)


def _address(digits: str) -> str:
    """Return an IPv4 address, which stands in the host's byte order; of IPv6 the family."""
    if len(digits) != 8:
        return ":: (IPv6)" if set(digits) == {"0"} else "an IPv6 address"
    pairs = [int(digits[at : at + 2], 16) for at in range(0, 8, 2)]
    if pairs[0] == 127 and pairs[-1] != 127:
        pairs.reverse()  # a big-endian machine's
    return ".".join(map(str, reversed(pairs)))


def _privileged(need: Need, number: int, case: Case) -> Iterator[Finding]:
    facts, access = case.snapshot.facts, case.access
    uid = access.user.uid if access is not None else facts.uid
    if uid == 0 or number >= _USUAL_FIRST_FREE:
        return
    answer = case.inquiry.said("read", _FIRST_FREE)
    if isinstance(answer, NotAsked):
        return
    first = _USUAL_FIRST_FREE
    if isinstance(answer, Said) and answer.text.strip().isdecimal():
        first = int(answer.text)
    if number < first:
        who = case.start.run_as or facts.user or "the user who starts it"
        message = f"{who} may take port {number} with CAP_NET_BIND_SERVICE alone"
        yield unsure(CODE, need, message, f"ports from {first} on are everybody's")


KIND = Kind(Texts(PORT), check)
