"""Whom to ask: one host of an inventory, resolved."""

from __future__ import annotations

from msgspec import Struct

from preflight.model.start import Start


class Host(Struct, frozen=True, kw_only=True):
    """
    One target; None means: left to the SSH defaults.

    *jump* is the name of another host of the same inventory, or
    ``[user@]host[:port]``; the inventory hands over hosts with *jump* already
    resolved to a `Host` in *gateway*.
    """

    name: str
    address: str | None = None  # None: the name is the address
    port: int | None = None
    user: str | None = None
    identity_file: str | None = None  # absolute
    known_hosts: str | None = None  # absolute
    become: bool | None = None  # ask as another user, through sudo; None: as the options say
    become_user: str | None = None
    transport: str | None = None  # a key of preflight.transport.TRANSPORTS; None: SSH
    gateway: Host | None = None
    direct: bool = False  # jump: none, whatever ssh_config says
    ssh_options: tuple[str, ...] = ()  # "KEY=VALUE", as ssh -o takes them
    groups: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    start: Start = Start()
    origin: str | None = None  # "fleet.yaml:12", for messages

    @property
    def target(self) -> str:
        """The address to connect to."""
        return self.address or self.name
