"""
From what the sources say to hosts: host beats group beats defaults, the rest must agree.

Two groups of a host, or two sources, that set one key differently are an
error: neither order nor nesting makes one of them right.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from preflight.errors import InventoryError
from preflight.inventory import values
from preflight.inventory.declared import Declared, Group, Setting, Settings
from preflight.inventory.values import DIRECTLY, quoted
from preflight.model.host import Host
from preflight.model.start import Start

MAX_JUMPS = 8  # more is a loop in all but name


class Merged(Struct, frozen=True):
    """One host with all that holds for it."""

    name: str
    place: str
    groups: tuple[str, ...]
    settings: Settings


def resolve(sources: Sequence[Declared]) -> tuple[Host, ...]:
    """Return the hosts of all sources in their order; raises `InventoryError`."""
    merged: dict[str, Merged] = {}
    for source in sources:
        for host in _merge_source(source):
            earlier = merged.get(host.name)
            merged[host.name] = _agree(earlier, host) if earlier else host
    _check_group_names(sources, merged)
    return _Builder(merged).build_all()


def _merge_source(source: Declared) -> Iterable[Merged]:
    memberships: dict[str, list[Group]] = {name: [] for name in source.places}
    for group in source.groups.values():
        for member in group.members:
            memberships[member].append(group)
    for name, groups in memberships.items():
        own = source.hosts.get(name, {})
        settings = source.defaults | _merge_groups(name, groups, own) | own
        names = tuple(group.name for group in groups)
        yield Merged(name, source.places[name], names, settings)


def _merge_groups(name: str, groups: list[Group], own: Settings) -> Settings:
    if len(groups) == 1:
        return groups[0].settings
    settings: Settings = {}
    for group in groups:
        for key, setting in group.settings.items():
            earlier = settings.setdefault(key, setting)
            if earlier.value != setting.value and key not in own:
                raise _conflict(name, key, earlier, setting)
    return settings


def _agree(earlier: Merged, later: Merged) -> Merged:
    """Return one host of two sources."""
    settings = dict(earlier.settings)
    for key, setting in later.settings.items():
        if settings.setdefault(key, setting).value != setting.value:
            raise _conflict(later.name, key, settings[key], setting)
    groups = dict.fromkeys((*earlier.groups, *later.groups))
    return Merged(earlier.name, earlier.place, tuple(groups), settings)


def _conflict(name: str, key: str, earlier: Setting, later: Setting) -> InventoryError:
    return InventoryError(
        f"{later.place}: {quoted(key)} of host {quoted(name)} has another value at {earlier.place}",
        f"set it once, or for the host itself: 'hosts: {{{name}: …}}'",
    )


def _check_group_names(sources: Sequence[Declared], hosts: dict[str, Merged]) -> None:
    for group in (group for source in sources for group in source.groups.values()):
        if host := hosts.get(group.name):
            raise InventoryError(
                f"{group.place}: group {quoted(group.name)} has the name of a host ({host.place})",
                "rename one of them: a pattern could mean either",
            )


class _Builder:
    """Builds each host once, its gateway before it."""

    def __init__(self, merged: dict[str, Merged]) -> None:
        self.merged = merged
        self.built: dict[str, Host] = {}

    def build_all(self) -> tuple[Host, ...]:
        return tuple(self.build(name, ()) for name in self.merged)

    def build(self, name: str, trail: tuple[str, ...]) -> Host:
        """Return a host; *trail* names those that are reached through it."""
        if name not in self.built:
            merged = self.merged[name]
            self.built[name] = _host(merged, self._gateway(merged, (*trail, name)))
        return self.built[name]

    def _gateway(self, merged: Merged, trail: tuple[str, ...]) -> Host | None:
        setting = merged.settings.get("jump")
        if setting is None or setting.value == DIRECTLY:
            return None
        wanted = values.endpoint(str(setting.value))
        if wanted.host not in self.merged:
            if wanted.is_bare_word:
                raise _unknown_jump(wanted.host, setting, self.merged)
            return Host(name=wanted.host, user=wanted.user, port=wanted.port, origin=setting.place)
        _check_loop((*trail, wanted.host), setting)
        _check_distance(trail, 0, setting)
        host = self.build(wanted.host, trail)
        _check_distance(trail, _count_gateways(host), setting)
        return msgspec.structs.replace(
            host, user=wanted.user or host.user, port=wanted.port or host.port
        )


def _check_loop(trail: tuple[str, ...], setting: Setting) -> None:
    if trail[-1] in trail[:-1]:
        loop = trail[trail.index(trail[-1]) :]
        raise InventoryError(
            f"{setting.place}: the jumps form a loop: {' -> '.join(loop)}",
            f"for the host that is reached directly: 'hosts: {{{loop[0]}: {{jump: {DIRECTLY}}}}}'",
        )


def _check_distance(trail: tuple[str, ...], more: int, setting: Setting) -> None:
    if len(trail) + more > MAX_JUMPS:
        raise InventoryError(
            f"{setting.place}: host {quoted(trail[0])} is more than {MAX_JUMPS} jumps away",
            "jump to a host that is reached directly",
        )


def _count_gateways(host: Host) -> int:
    return 1 + _count_gateways(host.gateway) if host.gateway else 0


def _unknown_jump(name: str, setting: Setting, hosts: Iterable[str]) -> InventoryError:
    close = difflib.get_close_matches(name, hosts, 1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return InventoryError(
        f"{setting.place}: jump {quoted(name)} is no host of the inventory",
        f"{guess}for a host that is not in the inventory write {name + ':22'!r}",
    )


def _host(merged: Merged, gateway: Host | None) -> Host:
    settings: dict[str, Any] = {key: setting.value for key, setting in merged.settings.items()}
    direct = settings.pop("jump", None) == DIRECTLY
    start = start_from(settings)
    labels = _pop_under(settings, "labels.")
    return Host(
        name=merged.name,
        gateway=gateway,
        direct=direct,
        groups=merged.groups,
        labels=labels,
        start=start,
        origin=merged.place,
        **settings,
    )


def start_from(settings: dict[str, Any]) -> Start:
    """Return the start that *settings* describe, whose keys are taken from them."""
    env = _pop_under(settings, "start.env.")
    return Start(env=env, **dict(_pop_under(settings, "start.")))


def _pop_under(settings: dict[str, Any], prefix: str) -> tuple[tuple[str, Any], ...]:
    """Return the settings whose key starts with *prefix*, by the rest of it, and drop them."""
    keys = [key for key in settings if key.startswith(prefix)]
    return tuple((key.removeprefix(prefix), settings.pop(key)) for key in keys)
