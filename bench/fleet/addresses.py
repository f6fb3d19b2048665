"""Where the played hosts are: an address of 127.0.0.0/8 each, some of them dead."""

from __future__ import annotations

import ipaddress

from bench.fleet.network import DEAD

FIRST = int(ipaddress.IPv4Address("127.100.0.1"))


def address(number: int) -> str:
    """Return the address of host *number*."""
    return str(ipaddress.IPv4Address(FIRST + number))


def dead_address(number: int) -> str:
    """Return an address at which nothing ever answers."""
    return f"{DEAD}.{number // 250}.{1 + number % 250}"


def addresses(count: int, *, dead_share: float = 0.0) -> list[str]:
    """Return the addresses of *count* hosts, the dead ones spread evenly among them."""
    every = round(1 / dead_share) if dead_share else count + 1
    return [dead_address(n) if n % every == every - 1 else address(n) for n in range(count)]
