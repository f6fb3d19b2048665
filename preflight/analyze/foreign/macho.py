"""
What a program of Apple's systems loads, and on which release it starts.

Source: mach-o/loader.h (load commands), mach-o/fat.h, mach/machine.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from preflight.analyze.foreign.fields import MOST, Cut, Fields
from preflight.analyze.formats.macho import MAGICS, MAX_MACHINES, UNIVERSAL, machine_of
from preflight.analyze.mapped import Image, Part
from preflight.elf import Source
from preflight.model.foreign import Foreign

# LC_LOAD_DYLIB, LC_REEXPORT_DYLIB, LC_LOAD_UPWARD_DYLIB: the program does not start without.
_LOADED = (0xC, 0x8000001F, 0x80000023)
_OPTIONAL = (0x80000018, 0x20)  # LC_LOAD_WEAK_DYLIB, LC_LAZY_LOAD_DYLIB
_RPATH = 0x8000001C
# LC_SEGMENT, LC_SEGMENT_64 → bytes of an address, which begin behind the name.
_SEGMENTS = {0x1: 4, 0x19: 8}
_SEGMENT_NUMBERS = 24
_WRITE, _EXECUTE = 2, 4  # VM_PROT_…
_BUILD_VERSION = 0x32
# LC_VERSION_MIN_…, of older linkers → platform.
_VERSION_MIN = {0x24: 1, 0x25: 2, 0x2F: 3, 0x30: 4}
_PLATFORMS = {
    1: "macOS",
    2: "iOS",
    3: "tvOS",
    4: "watchOS",
    5: "bridgeOS",
    6: "Mac Catalyst",
    7: "the iOS simulator",
    8: "the tvOS simulator",
    9: "the watchOS simulator",
    10: "DriverKit",
    11: "visionOS",
    12: "the visionOS simulator",
}
_SUBTYPE = 0x00FFFFFF  # the rest are capabilities


class _Slice(NamedTuple):
    """One machine's part of a file, the whole of a thin one."""

    machine: str
    start: int
    commands: list[tuple[int, int]]  # number, offset
    fields: Fields
    defect: str | None


def read_macho(source: Source) -> Foreign | None:
    """Return the libraries, search path and oldest system of a thin or universal file."""
    machines: list[str] = []
    imports: list[str] = []
    optional: list[str] = []
    search: list[str] = []
    minimum: dict[str, list[str]] = {}
    defect = None
    try:
        for part in _slices(source):
            machines.append(part.machine)
            for number, at in part.commands:
                if number in _LOADED:
                    imports.append(_text(part.fields, at))
                elif number in _OPTIONAL:
                    optional.append(_text(part.fields, at))
                elif number == _RPATH:
                    search.append(_text(part.fields, at))
                elif system := _minimum(part.fields, number, at):
                    minimum.setdefault(system, []).append(part.machine)
            defect = part.defect or defect
    except Cut as cut:
        defect = str(cut)
    return Foreign(
        machines=tuple(machines),
        runtime=_runtime(minimum),
        minimum_os=_joined(minimum, len(machines)),
        imports=tuple(dict.fromkeys(imports)),
        optional=tuple(dict.fromkeys(optional)),
        search=tuple(dict.fromkeys(search)),
        defect=defect,
    )


def macho_images(source: Source) -> Iterator[Image]:
    """Yield the segments of each machine's part, up to the first that has no header."""
    with suppress(Cut):
        for part in _slices(source):
            yield Image(source, _parts(part))


def _parts(one: _Slice) -> Iterator[Part]:
    for number, at in one.commands:
        if word := _SEGMENTS.get(number):
            start = at + _SEGMENT_NUMBERS
            address, _, offset, size = (one.fields.number(start + n * word, word) for n in range(4))
            allowed = one.fields.number(start + 4 * word + 4, 4)  # initprot, behind maxprot
            is_data = allowed & (_EXECUTE | _WRITE) == _WRITE
            yield Part(address, one.start + offset, size, is_data)


def _slices(source: Source) -> Iterator[_Slice]:
    magic = source.read(0, 4)
    if magic not in UNIVERSAL:
        yield _slice(source, 0)
        return
    fields, entry_bytes = Fields(source, "big"), UNIVERSAL[magic]
    for number in range(min(fields.number(4, 4), MAX_MACHINES)):
        entry = 8 + entry_bytes * number
        yield _slice(source, fields.number(entry + 8, 4 if entry_bytes == 20 else 8))


def _slice(source: Source, start: int) -> _Slice:
    order, bits = MAGICS.get(source.read(start, 4), (None, 0))
    if order is None:
        raise Cut(f"no Mach-O header at byte {start}")
    fields = Fields(source, "little" if order == "<" else "big")
    machine = machine_of(fields.number(start + 4, 4), fields.number(start + 8, 4) & _SUBTYPE)
    commands: list[tuple[int, int]] = []
    defect = None
    try:
        commands.extend(_commands(fields, start, bits))
    except Cut as cut:
        defect = str(cut)
    return _Slice(machine, start, commands, fields, defect)


def _commands(fields: Fields, start: int, bits: int) -> Iterator[tuple[int, int]]:
    count, size = fields.number(start + 16, 4), fields.number(start + 20, 4)
    at = start + (32 if bits == 64 else 28)
    end = at + size
    for _ in range(min(count, MOST)):
        command_bytes = fields.number(at + 4, 4)
        if command_bytes < 8 or at + command_bytes > end:
            raise Cut(f"the load command at byte {at} has {command_bytes} bytes")
        yield fields.number(at, 4), at
        at += command_bytes
    if count > MOST:
        raise Cut(f"a table of more than {MOST} entries")


def _text(fields: Fields, command: int) -> str:
    """Return the text of a command, which stands behind its numbers (union lc_str)."""
    offset, size = fields.number(command + 8, 4), fields.number(command + 4, 4)
    if not 12 <= offset < size:
        raise Cut(f"the load command at byte {command} names a text outside of itself")
    return fields.name(command + offset)


def _minimum(fields: Fields, number: int, at: int) -> str | None:
    """Return the oldest system that a command names ("macOS 11.0"), None for other commands."""
    if number == _BUILD_VERSION:
        platform, version = fields.number(at + 8, 4), fields.number(at + 12, 4)
    elif number in _VERSION_MIN:
        platform, version = _VERSION_MIN[number], fields.number(at + 8, 4)
    else:
        return None
    name = _PLATFORMS.get(platform, f"platform {platform}")
    release = f"{version >> 16}.{version >> 8 & 0xFF}"
    return f"{name} {release}.{version & 0xFF}" if version & 0xFF else f"{name} {release}"


def _runtime(minimum: dict[str, list[str]]) -> str:
    platforms = dict.fromkeys(system.rpartition(" ")[0] for system in minimum)
    return ", ".join(platforms) or "an Apple system"


def _joined(minimum: dict[str, list[str]], machines: int) -> str | None:
    """Return the oldest system; with the machines where they want different ones."""
    if len(minimum) == 1 and all(len(named) == machines for named in minimum.values()):
        return next(iter(minimum))
    return ", ".join(f"{one} ({', '.join(on)})" for one, on in minimum.items()) or None
