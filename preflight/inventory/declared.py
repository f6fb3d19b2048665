"""What one source says about hosts, before anything of it is merged."""

from __future__ import annotations

from msgspec import Struct

from preflight.errors import InventoryError
from preflight.model.nodeset import MAX_NAMES


class Setting(Struct, frozen=True, gc=False):
    """One value, and where it stands."""

    value: str | int | bool | tuple[str, ...]
    place: str


# By key; what merges key by key has a dotted one: "labels.role", "start.cwd", "start.env.PATH".
Settings = dict[str, Setting]


class Group(Struct, frozen=True):
    """One group of one source."""

    name: str
    place: str
    members: tuple[str, ...]
    settings: Settings


class Declared(Struct, frozen=True):
    """
    One source: every host in its order in *places*, what is set for it alone in *hosts*.

    *remarks* say what of the source is not honoured, one line each.
    """

    defaults: Settings = {}
    groups: dict[str, Group] = {}
    hosts: dict[str, Settings] = {}
    places: dict[str, str] = {}
    remarks: list[str] = []

    def declare(self, name: str, place: str) -> None:
        """Note that there is a host; raises `InventoryError` where there are too many."""
        self.places.setdefault(name, place)
        if len(self.places) > MAX_NAMES:
            raise InventoryError(
                f"{place}: more than {MAX_NAMES:,} hosts", "give preflight a part of the fleet"
            )
