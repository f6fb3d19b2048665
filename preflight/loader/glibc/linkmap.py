"""
The loader's list of objects while it grows: what a name matches, what was there from the start.

Source: glibc include/link.h (struct link_map), elf/dl-load.c
(_dl_map_object), elf/rtld.c (the loader's own entry), elf/setup-vdso.h.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field

from preflight.loader.glibc.search import Requester
from preflight.loader.setting import Object, Setting
from preflight.model.elf import EM_386, Elf, VersionDef


@dataclass(slots=True)
class LinkMap:
    """One link_map while the list is still growing."""

    name: str
    path: str
    requester: Requester
    rule: str
    identity: tuple[int, int]
    names: set[str]
    preloaded: bool = False
    opened: bool = False
    soname_added: bool = False
    needed_by: list[str] = field(default_factory=list)
    depends: list[LinkMap] = field(default_factory=list)

    @property
    def elf(self) -> Elf:
        """The object's file."""
        return self.requester.elf

    def need(self, by: LinkMap) -> None:
        """Note that *by* needs this object."""
        if by.path not in self.needed_by:
            self.needed_by.append(by.path)

    def answers(self, name: str) -> bool:
        """Match *name* as `_dl_map_object` does: names first, then DT_SONAME."""
        if name in self.names:
            return True
        if self.soname_added or self.elf.soname != name:
            return False
        self.soname_added = True
        self.names.add(name)
        return True


def interpreter_map(setting: Setting) -> LinkMap:
    """Return the loader's own entry, which answers to its path and its soname."""
    name = setting.loader.soname or setting.interpreter
    directory = posixpath.dirname(setting.interpreter)
    return LinkMap(
        name,
        setting.interpreter,
        Requester(setting.interpreter, setting.loader, directory, None),
        "program interpreter",
        setting.loader_id,
        {setting.interpreter, name},
        soname_added=True,
    )


def vdso_map(loader: Elf) -> LinkMap:
    """Return the object that the kernel maps into every process (vdso(7))."""
    name = "linux-gate.so.1" if loader.machine == EM_386 else "linux-vdso.so.1"
    versions = ("LINUX_2.6", "LINUX_2.5", "LINUX_2.6.39")
    defs = tuple(VersionDef(version, 2 + i, base=False) for i, version in enumerate(versions))
    elf = Elf(size_bytes=0, head=b"", soname=name, version_defs=defs)
    requester = Requester(name, elf, None, None)
    return LinkMap(name, name, requester, "vDSO", (-2, -2), {name}, soname_added=True)


def freeze(maps: Sequence[LinkMap]) -> tuple[Object, ...]:
    """Return the list as it stands when all is loaded."""
    places = {id(entry): place for place, entry in enumerate(maps)}
    return tuple(
        Object(
            name=entry.name,
            path=entry.path,
            elf=entry.elf,
            names=tuple(sorted(entry.names)),
            rule=entry.rule,
            needed_by=tuple(entry.needed_by),
            preloaded=entry.preloaded,
            opened=entry.opened,
            depends=tuple(places[id(needed)] for needed in entry.depends),
        )
        for entry in maps
    )
