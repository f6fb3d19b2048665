"""
What a WebAssembly file imports, and which kind of runtime gives it that.

Source: WebAssembly Core Specification 2.0, chapter 5 (binary format), and the
component model's design/mvp/Binary.md.  Limit: types of later proposals are
not known; the imports in front of one are told.
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.analyze.foreign.fields import NAME_BYTES, Cut, Fields
from preflight.elf import Source
from preflight.model import text
from preflight.model.foreign import Foreign

_MODULE, _COMPONENT = b"\1\0\0\0", b"\x0d\0\1\0"
_IMPORTS, _EXPORTS = 2, 7
_COMPONENT_IMPORTS = 10
_FUNCTION, _TABLE, _MEMORY, _GLOBAL, _TAG = range(5)
_MAX_SECTIONS = 4096  # a component has many
_MAX_IMPORTS = 16_384
_HAS_MAXIMUM = 0x1  # of limits
# The beginning of an imported module's name → what gives it.
_RUNTIMES = {
    "wasi_snapshot_preview": "a WASI runtime (preview 1)",
    "wasi_unstable": "a WASI runtime (preview 0)",
    "wasi:": "a WASI runtime (preview 2, component model)",
    "gojs": "a JavaScript engine with wasm_exec.js of the same Go release",
    "go": "a JavaScript engine with wasm_exec.js of the same Go release",
    "wbg": "a JavaScript engine with the glue of wasm-bindgen",
    "./": "a JavaScript engine with the files that it imports",
    "env": "what defines its imports from 'env': Emscripten's JavaScript, or a host program",
}


def read_wasm(source: Source) -> Foreign | None:
    """Return the modules (of a component: the interfaces) that are imported, and the entry."""
    fields = Fields(source)
    imports: dict[str, None] = {}
    entry = defect = None
    component = source.read(4, 4) == _COMPONENT
    try:
        for section, start in _sections(fields):
            if section == (_COMPONENT_IMPORTS if component else _IMPORTS):
                found = _interfaces(fields, start) if component else _modules(fields, start)
                for name in found:
                    imports[name] = None
            elif section == _EXPORTS and not component:
                entry = "_start" if "_start" in _exports(fields, start) else None
    except Cut as cut:
        defect = str(cut)
    return Foreign(
        machines=("wasm32",) if not component else (),
        runtime=_runtime(tuple(imports), component=component),
        imports=tuple(imports),
        entry=entry,
        defect=defect,
    )


def _runtime(imports: tuple[str, ...], *, component: bool) -> str:
    for name in imports:
        for start, runtime in _RUNTIMES.items():
            if name == start or (start[-1] in "w:/" and name.startswith(start)):
                return runtime
    return "a WebAssembly runtime" + (" for components" if component else "")


def _sections(fields: Fields) -> Iterator[tuple[int, int]]:
    if fields.bytes(4, 4) not in (_MODULE, _COMPONENT):
        raise Cut("a version of WebAssembly that is not known")
    at = 8
    for _ in range(_MAX_SECTIONS):
        if at >= fields.size_bytes:
            return
        number = fields.number(at, 1)
        size, start = fields.leb(at + 1)
        yield number, start
        at = start + size
    raise Cut(f"more than {_MAX_SECTIONS} sections")


def _modules(fields: Fields, at: int) -> Iterator[str]:
    count, at = _count(fields, at)
    for _ in range(count):
        module, at = _name(fields, at)
        _, at = _name(fields, at)
        kind = fields.number(at, 1)
        yield module
        at = _past_type(fields, kind, at + 1)


def _past_type(fields: Fields, kind: int, at: int) -> int:
    """Return where an import's type ends."""
    if kind == _FUNCTION:
        return fields.leb(at)[1]
    if kind == _TABLE:
        return _past_limits(fields, at + 1)
    if kind == _MEMORY:
        return _past_limits(fields, at)
    if kind == _GLOBAL:
        return at + 2
    if kind == _TAG:
        return fields.leb(at + 1)[1]
    raise Cut(f"an import of the unknown kind {kind} at byte {at}")


def _past_limits(fields: Fields, at: int) -> int:
    flags = fields.number(at, 1)
    _, at = fields.leb(at + 1)
    return fields.leb(at)[1] if flags & _HAS_MAXIMUM else at


def _exports(fields: Fields, at: int) -> Iterator[str]:
    count, at = _count(fields, at)
    for _ in range(count):
        name, at = _name(fields, at)
        yield name
        at = fields.leb(at + 1)[1]


def _interfaces(fields: Fields, at: int) -> Iterator[str]:
    count, at = _count(fields, at)
    for _ in range(count):
        name, at = _name(fields, at + 1)
        yield name
        at = _past_component_type(fields, at)


def _past_component_type(fields: Fields, at: int) -> int:
    """Return where an externdesc ends."""
    kind = fields.number(at, 1)
    if kind == 0:  # a core module
        return fields.leb(at + 2)[1]
    if kind in (1, 4, 5):  # a function, component or instance
        return fields.leb(at + 1)[1]
    if kind in (2, 3):  # a value or type, which may be equal to a known one
        same = fields.number(at + 1, 1) == 0
        return fields.leb(at + 2)[1] if kind == 2 or same else at + 2
    raise Cut(f"an import of the unknown kind {kind} at byte {at}")


def _count(fields: Fields, at: int) -> tuple[int, int]:
    count, at = fields.leb(at)
    if count > _MAX_IMPORTS:
        raise Cut(f"a table of more than {_MAX_IMPORTS} entries")
    return count, at


def _name(fields: Fields, at: int) -> tuple[str, int]:
    size, at = fields.leb(at)
    if size > NAME_BYTES:
        raise Cut(f"a name of {size} bytes at byte {at}")
    return text.decode(fields.bytes(at, size)), at + size
