"""Programs for virtual machines: WebAssembly, Java, and compilers' own formats."""

from __future__ import annotations

from preflight.analyze.formats.found import Found, Sample

# The first class file version ever; a universal Mach-O file has fewer machines.
_FIRST_JAVA = 45


def detect_bytecode(sample: Sample) -> Found | None:
    """Recognise WebAssembly modules, Java classes, LLVM bitcode and Android's bytecode."""
    if sample.head.startswith(b"\0asm"):
        return Found("wasm", f"a WebAssembly {_wasm_kind(sample)}")
    if sample.head.startswith(b"\xca\xfe\xba\xbe") and sample.number(">I", 4) >= _FIRST_JAVA:
        return Found("java", f"a Java class, class file version {sample.number('>H', 6)}")
    if sample.head.startswith((b"BC\xc0\xde", b"\xde\xc0\x17\x0b")):  # with a wrapper
        return Found("unknown", "LLVM bitcode")
    if sample.head.startswith(b"dex\n"):
        return Found("unknown", "Android bytecode (dex)")
    return None


def _wasm_kind(sample: Sample) -> str:
    """Source: component model, design/mvp/Binary.md: the "layer" behind the version."""
    return "component" if sample.number("<H", 6) == 1 else "module"
