"""What ``preflight inspect`` shows: the needs of binaries, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from preflight.model import shebang
from preflight.model.elf import Elf, LaterNeed, VersionNeed, machine_name
from preflight.model.estimate import Outlook
from preflight.model.foreign import Foreign
from preflight.model.go import GoBuild, GoLinkage
from preflight.model.nodeset import natural_key
from preflight.model.requirements import Bundle, Requirements
from preflight.model.wheel import broken_claim, claimed
from preflight.report.contract import SCHEMA
from preflight.report.encode import encode
from preflight.report.flags import flag_names
from preflight.report.json import array, binaries
from preflight.report.releases import releases_json
from preflight.report.terminal import labelled, render, shown
from preflight.report.view import View

_SYMBOLS = 5  # shown of those that force the glibc floor, unless all are wanted


def inspect_json(
    requirements: Sequence[Requirements], outlooks: Sequence[Outlook] | None = None
) -> Iterator[str]:
    """Yield one document with the report's ``binaries``, and ``releases`` where they are wanted."""
    yield f'{{\n  "schema": {encode(SCHEMA)},\n'
    yield from array("binaries", binaries(requirements))
    if outlooks is not None:
        yield ",\n"
        yield from array("releases", map(encode, releases_json(outlooks)))
    yield "\n}\n"


def inspect_table(requirements: Sequence[Requirements], view: View) -> Iterator[str]:
    """Yield a block of names and values for each binary, an empty line between them."""
    for number, needs in enumerate(requirements):
        rows = [(label, shown(text)) for label, text in _rows(needs, view) if text]
        block = render([shown(needs.path, "bold"), labelled(rows, indent=2)], view)
        yield "\n" + block if number else block


def _rows(needs: Requirements, view: View) -> Iterator[tuple[str, str]]:
    yield "format", needs.format
    yield "description", needs.description
    yield "member of", needs.member_of or ""
    if needs.bundle:
        yield from _bundle(needs.bundle)
        yield from _wheel(needs.name, needs.bundle)
    if needs.format == "script" and (line := shebang.parse(needs.head)):
        yield "interpreter", line.interpreter
        yield "argument", line.argument or ""
    if needs.go:
        yield from _go(needs.go, needs.go_linkage, view)
    if needs.foreign:
        yield from _foreign(needs.foreign)
    if needs.elf:
        yield from _identity(needs.elf)
        yield "libc", needs.libc or ""
        yield from _floor(needs, view)
        if view.verbosity > 0:
            yield from _steps(needs)
        yield "CPU level", needs.x86_isa_needed or ""
        for number, tool in enumerate(needs.toolchain):
            yield "" if number else "toolchain", tool.text
        for number, need in enumerate(needs.runtime_needs):
            yield "" if number else "at run time", f"{need.kind}: {need.because}"
        yield from _linking(needs.elf)
    yield "sha256", needs.sha256
    yield "size", f"{needs.size_bytes:,} bytes"


def _bundle(bundle: Bundle) -> Iterator[tuple[str, str]]:
    """Yield what the members come to together, and which of them forces the floor."""
    members = bundle.members
    yield "members", f"{len(members):,} programs and libraries of {len(bundle.entries):,} names"
    machines = {machine_name(m.elf.machine, m.elf.bits, m.elf.endian) for m in members if m.elf}
    yield "machines", ", ".join(sorted(machines))
    floors = [(natural_key(m.glibc_floor.version), m) for m in members if m.glibc_floor]
    if floors:
        _, first = max(floors, key=lambda pair: pair[0])
        floor = first.glibc_floor.version if first.glibc_floor else ""
        yield "highest floor", f"glibc {floor}, for {first.inner}"


def _wheel(name: str, bundle: Bundle) -> Iterator[tuple[str, str]]:
    claim = claimed(name)
    if claim is not None:
        libc, release = claim
        broken = broken_claim(name, bundle.members)
        held = (
            f"the tag does not hold: it {broken}" if broken else f"{libc} {release}, and it holds"
        )
        yield "wheel's claim", held


def _go(build: GoBuild, linkage: GoLinkage | None, view: View) -> Iterator[tuple[str, str]]:
    yield "Go", f"{build.release}, {linkage.sentence}" if linkage else build.release
    yield "build mode", linkage.mode if linkage else build.setting("-buildmode") or ""
    yield "main package", build.path
    if build.main:
        yield "main module", f"{build.main.path} {build.main.version}"
    yield "build settings", " ".join(f"{name}={value}" for name, value in build.settings)
    if view.verbosity > 0:
        yield "modules", ", ".join(f"{one.path} {one.version}" for one in build.modules)


def _foreign(needs: Foreign) -> Iterator[tuple[str, str]]:
    yield "made for", ", ".join(needs.machines)
    yield "needs", needs.runtime or ""
    yield "oldest system", needs.minimum_os or ""
    yield "imports", ", ".join(needs.imports)
    yield "may load", ", ".join(needs.optional)
    yield "searches", ", ".join(needs.search)
    yield "starts", needs.entry or ""
    yield "carries", ", ".join(needs.native)
    yield "not read", needs.defect or ""


def _identity(elf: Elf) -> Iterator[tuple[str, str]]:
    name = machine_name(elf.machine, elf.bits, elf.endian)
    yield "machine", f"{name} ({elf.bits}-bit, {elf.endian} endian)"
    yield "kind", elf.kind
    yield "defect", elf.defect or ""
    yield "interpreter", elf.interpreter or ""


def _floor(needs: Requirements, view: View) -> Iterator[tuple[str, str]]:
    if needs.glibc_floor is None:
        return
    symbols = needs.glibc_floor.symbols
    some = symbols if view.verbosity > 0 or len(symbols) <= _SYMBOLS + 1 else symbols[:_SYMBOLS]
    forced = f", for {', '.join(some)}" if some else ""
    more = f" and {len(symbols) - len(some)} more" if len(some) < len(symbols) else ""
    yield "glibc floor", f"{needs.glibc_floor.version}{forced}{more}"


def _steps(needs: Requirements) -> Iterator[tuple[str, str]]:
    """Yield what holds the floor up below its first step, where somebody asks for more."""
    for number, step in enumerate(needs.glibc_steps[1:]):
        more = (
            f" and {step.count - len(step.symbols)} more" if step.count > len(step.symbols) else ""
        )
        yield (
            "" if number else "without them",
            f"{step.version}, for {', '.join(step.symbols)}{more}",
        )


def _linking(elf: Elf) -> Iterator[tuple[str, str]]:
    yield "soname", elf.soname or ""
    yield "needed", ", ".join(elf.needed)
    yield "RPATH", elf.rpath or ""
    yield "RUNPATH", elf.runpath or ""
    for number, need in enumerate(elf.version_needs):
        yield "" if number else "version needs", _versions(need)
    for number, later in enumerate(elf.later):
        yield "" if number else "opened later", _later(later)
    yield "version defs", ", ".join(v.name for v in elf.version_defs if not v.base)
    yield "build id", elf.build_id or ""
    yield "flags", " ".join(flag_names(elf))
    yield "exec stack", {True: "yes", False: "no", None: ""}[elf.exec_stack]


def _later(need: LaterNeed) -> str:
    purpose = need.description or need.feature
    return f"{' or '.join(need.sonames)} ({need.priority}{f': {purpose}' if purpose else ''})"


def _versions(need: VersionNeed) -> str:
    versions = sorted(need.versions, key=lambda version: natural_key(version.name))
    names = (f"{v.name} (weak)" if v.weak else v.name for v in versions)
    return f"{need.library}: {', '.join(names)}"
