"""Which of several processes asks which host: whoever has room, but one gateway's hosts one."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Sequence

from preflight.model.host import Host
from preflight.transport import Options as ConnectOptions

# Fewer are not worth another interpreter, which judges each image of the fleet anew.
_HOSTS_A_PROCESS = 1024


def useful(
    hosts: Sequence[Host], options: ConnectOptions, *, forks: int, wanted: int | None
) -> int:
    """
    Return in how many processes to ask *hosts*, 1 at least: none is to be without a host.

    *wanted* None: as many as this machine has cores for, and the fleet work.
    """
    if wanted is None:
        wanted = min(_cores(), -(-len(hosts) // _HOSTS_A_PROCESS))
    gateways = [gateway_of(host, options) for host in hosts]
    busy = gateways.count(None) + len({*gateways} - {None})
    return max(1, min(wanted, forks, busy))


def gateway_of(host: Host, options: ConnectOptions) -> str | None:
    """Return a name for the first machine on the way to *host*, None where that is itself."""
    if "local" in (host.transport, options.transport):
        return None
    if host.gateway is None:
        return options.jump
    first = host.gateway
    while first.gateway is not None:
        first = first.gateway
    return f"{first.user or ''}@{first.target}:{first.port or ''}"


class Shares:
    """The hosts that are still to be asked by one of *number* processes, counted from 0."""

    def __init__(self, hosts: Sequence[Host], options: ConnectOptions, number: int) -> None:
        self._common: deque[Host] = deque()
        self._own: list[deque[Host]] = [deque() for _ in range(number)]
        behind: dict[str, list[Host]] = {}
        for host in hosts:
            gateway = gateway_of(host, options)
            place = self._common if gateway is None else behind.setdefault(gateway, [])
            place.append(host)
        for group in sorted(behind.values(), key=len, reverse=True):
            min(self._own, key=len).extend(group)

    def left_for(self, number: int) -> bool:
        """Whether there is a host for the process *number*."""
        return bool(self._own[number] or self._common)

    def take(self, number: int) -> Host | None:
        """Return the next host for the process *number*, None where there is none."""
        own = self._own[number]
        if own or self._common:
            return (own or self._common).popleft()
        return None

    def give_up(self, number: int) -> None:
        """Leave to the others what only the process *number* would have asked."""
        self._common.extendleft(reversed(self._own[number]))
        self._own[number].clear()


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
