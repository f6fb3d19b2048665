"""
The order in which ld.so relocates what it has loaded.

The last of the sorted list comes first, and the program last, so that copy
relocations find their sources relocated.  Which undefined symbol a start dies
of hangs on it.  Source: glibc elf/dl-sort-maps.c; elf/rtld.c, dl_main().
"""

from __future__ import annotations

from collections.abc import Sequence

from preflight.loader.setting import Object


def relocation_order(objects: Sequence[Object], *, depth_first: bool) -> list[int]:
    """Return the places of *objects* in the order of their relocation."""
    # While the list is sorted the program's own dependencies are not known yet.
    depends = [(), *(entry.depends for entry in objects[1:])]
    ordered = _by_depth(depends) if depth_first else _by_moving(depends)
    return ordered[::-1]


def _by_depth(depends: Sequence[Sequence[int]]) -> list[int]:
    """Sort as `_dl_sort_maps_dfs`: reverse postorder, from the last object on."""
    placed: list[int] = []
    seen = {0}  # the program, which is put first in any case
    for start in range(len(depends) - 1, 0, -1):
        if start in seen:
            continue
        seen.add(start)
        path = [(start, iter(depends[start]))]
        while path:
            place, rest = path[-1]
            deeper = next((needed for needed in rest if needed not in seen), None)
            if deeper is None:
                placed.append(place)
                path.pop()
            else:
                seen.add(deeper)
                path.append((deeper, iter(depends[deeper])))
    return [0, *placed[::-1]]


def _by_moving(depends: Sequence[Sequence[int]]) -> list[int]:
    """Sort as `_dl_sort_maps_original`: move each behind the last that needs it."""
    maps = list(range(1, len(depends)))
    seen = [0] * len(maps)
    at = 0
    while at < len(maps):
        seen[at] += 1
        this = maps[at]
        behind = next((k for k in range(len(maps) - 1, at, -1) if this in depends[maps[k]]), None)
        if behind is None:
            at += 1
            seen[at:] = [0] * (len(maps) - at)
            continue
        maps.insert(behind, maps.pop(at))
        if seen[at + 1] > len(maps) - at:  # a cycle
            at += 1
            seen[at:] = [0] * (len(maps) - at)
            continue
        seen.insert(behind, seen.pop(at))
    return [0, *maps]
