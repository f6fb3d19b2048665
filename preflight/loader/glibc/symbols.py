"""
Which references ld.so cannot bind: at start, or when they are first called.

Source: glibc elf/dl-lookup.c, _dl_lookup_symbol_x(); elf/dynamic-link.h (what
is bound lazily); elf/dl-reloc.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from preflight.loader.glibc.binding import Answer, Interface, Reference, answer, interface_of
from preflight.loader.glibc.order import opened_order, relocation_order
from preflight.loader.glibc.release import (
    Release,
    Rules,
    inconsistency,
    parse_release,
    rules_of,
)
from preflight.loader.setting import Object, Resolution, Setting
from preflight.loader.symbols import STT_TLS
from preflight.model.elf import (
    EM_386,
    EM_AARCH64,
    EM_ARM,
    EM_X86_64,
    USE_COPY,
    USE_DATA,
    USE_EAGER_SLOT,
    USE_SLOT,
    USE_TLS,
)
from preflight.model.text import decode, encode

# What check_match() asserts where a provider has no versions at all.
_INCONSISTENT = "version->filename == NULL || ! _dl_name_match_p (version->filename, map)"
# FIRST_VERSION_libc_calloc of each machine's abi-versions.h.
_FIRST_VERSIONS = {
    EM_386: "GLIBC_2.0",
    EM_ARM: "GLIBC_2.4",
    EM_X86_64: "GLIBC_2.2.5",
    EM_AARCH64: "GLIBC_2.17",
}
_LIBC, _PRIVATE = "libc.so.6", "GLIBC_PRIVATE"
# Where ld.so asserts what it found in libc.
_EARLY_INIT = ("dl-call-libc-early-init.c", "_dl_call_libc_early_init")
_MUTEX_INIT = ("../sysdeps/nptl/dl-mutex.c", "__rtld_mutex_init")
_EAGER_USES = USE_DATA | USE_COPY | USE_TLS | USE_EAGER_SLOT


class SymbolProblem(Struct, frozen=True):
    """
    One reference that no definition answers, or a relocation that the loader does not know.

    A "call" fails when it is made, everything else at start; "relink" is a
    warning before ld.so runs the resolver of a library that is not relocated yet,
    "mistyped" a thread-local reference to what is none, "mixed" a libc that is not of
    the loader's release, "crash" the end by SIGSEGV, "guarded" an address that a
    program takes of what its library protects.
    """

    kind: Literal["start", "call", "relocation", "relink", "mistyped", "mixed", "crash", "guarded"]
    symbol: str  # of "relocation": its type, in decimal
    version: str | None
    library: str | None  # where the version was expected
    needed_by: str
    line: str | None  # what the loader prints, None: nobody knows exactly


class _Party(Struct, frozen=True):
    """One object of the scope."""

    entry: Object
    face: Interface


def check_symbols(setting: Setting, resolution: Resolution) -> Iterator[SymbolProblem]:
    """Yield what cannot be bound, in the order in which the loader comes to it."""
    rules = rules_of(resolution.release or (2, 36))
    parties = [_Party(entry, interface_of(entry.elf)) for entry in resolution.objects]
    check = _Check(setting, resolution.release, rules, parties)
    ordered = opened_order if setting.plugin else relocation_order
    order = ordered(resolution.objects, depth_first=rules.sorts_by_depth)
    for turn, place in enumerate(order):
        if resolution.objects[place].path != setting.interpreter:
            yield from check.odd_relocations(parties[place])
            yield from check.mistyped(parties[place])
            yield from check.guarded(parties[place])
            yield from check.problems(
                parties[place], [parties[later] for later in order[turn + 1 :]]
            )
    if setting.plugin is not None:
        return
    needs_loader = any(entry.path == setting.interpreter for entry in resolution.objects)
    if rules.wants_malloc and needs_loader:
        yield from check.own_malloc(setting.loader.machine)
    yield from check.libc_symbols(setting.loader.machine)


class _Check:
    """The binding of one start."""

    def __init__(
        self, setting: Setting, release: Release | None, rules: Rules, parties: Sequence[_Party]
    ) -> None:
        self._argv0 = setting.argv0
        self._release = release
        self._opening = setting.plugin is not None
        now = setting.plugin is not None and setting.plugin.now
        bind_now = bool(setting.start.variable("LD_BIND_NOW"))
        self._now = now or (bind_now and not (setting.start.secure and rules.secure_is_lazy))
        self._rules = rules
        self._parties = parties
        # Those that offer most settle most; for what is met the order does not matter.
        faces = (party.face for party in parties)
        most_first = sorted(faces, key=lambda face: len(face.symbols.definitions), reverse=True)
        self._offers = [face.offers for face in most_first]
        self._doubtful = set(self._doubtful_libraries())

    def odd_relocations(self, party: _Party) -> Iterator[SymbolProblem]:
        """Yield what _dl_reloc_bad_type() refuses."""
        path = party.entry.path
        start = "" if self._opening else f"{self._argv0}: error while loading shared libraries: "
        for kind in party.entry.elf.odd_relocations:
            line = f"{start}{path}: unexpected reloc type 0x{kind:02x}"
            yield SymbolProblem("relocation", str(kind), None, None, path, line)

    def mistyped(self, party: _Party) -> Iterator[SymbolProblem]:
        """Yield thread-local references to what is not: ld.so asks no object for its block."""
        for reference in party.face.tls:
            name, path = reference.symbol.name, party.entry.path
            owners = (
                o.face for o in self._scope(party, reference) if reference.key in o.face.offers
            )
            found = next(owners, None)
            if found and all(s.type != STT_TLS for s in found.symbols.definitions.of(name)):
                version, library = reference.version, reference.library
                yield SymbolProblem("mistyped", decode(name), version, library, path, None)

    def guarded(self, party: _Party) -> Iterator[SymbolProblem]:
        """
        Yield what a program copies, or gives an address of its own, and may not.

        Source: glibc sysdeps/generic/dl-protected.h, _dl_check_protected_symbol().
        """
        guards = [one for one in self._parties if one.entry.elf.indirect_access]
        if not guards or guards[0] is self._parties[0] or not self._rules.guards_protected:
            return
        for reference in (*party.face.copies, *party.face.wants.values()):
            symbol = reference.symbol
            if not symbol.copied and (symbol.zero or not symbol.uses & USE_SLOT):
                continue
            scope = (one for one in self._scope(party, reference) if one is not party)
            owner = next((one for one in scope if reference.key in one.face.offers), None)
            found = owner.face.symbols.definitions.of(symbol.name) if owner in guards else ()
            if any(one.protected for one in found):
                name, path = decode(symbol.name), party.entry.path
                library = reference.library
                yield SymbolProblem("guarded", name, reference.version, library, path, None)

    def own_malloc(self, machine: int) -> Iterator[SymbolProblem]:
        """Yield calloc, where ld.so looks for it and finds none (__rtld_malloc_init_real)."""
        version = _FIRST_VERSIONS.get(machine)
        name = b"calloc\0" + encode(version or "")
        if version is None or any(name in offers for offers in self._offers):
            return
        program = self._parties[0].entry.path
        words = f"undefined symbol: calloc, version {version}"
        line = self._line(program, words)
        yield SymbolProblem("start", "calloc", version, None, program, line)

    def libc_symbols(self, machine: int) -> Iterator[SymbolProblem]:
        """
        Yield the first of what ld.so itself has to find in libc, where that has it not.

        Else whether they are of two releases: they share private data, which every
        release lays out anew.
        """
        libc = next((one for one in self._parties[1:] if one.entry.elf.soname == _LIBC), None)
        for name in self._rules.libc_symbols if libc and self._release else ():
            private = name == "__libc_early_init"
            version = _PRIVATE if private else _FIRST_VERSIONS.get(machine)
            if libc and version and encode(f"{name}\0{version}") not in libc.face.offers:
                file, function = _EARLY_INIT if private else _MUTEX_INIT
                line = inconsistency(self._release, file, function, "sym != NULL")
                yield SymbolProblem("start", name, version, _LIBC, libc.entry.path, line)
                return
        identity = libc.entry.elf.identity if libc else None
        release = parse_release(identity.release) if identity else None
        if libc and self._release and release not in (None, self._release):
            yield SymbolProblem("mixed", _LIBC, None, None, libc.entry.path, None)

    def problems(self, party: _Party, later: Sequence[_Party]) -> Iterator[SymbolProblem]:
        """
        Yield what one object cannot bind: first what fails at start, by relocation order.

        *later* are the objects that are relocated after it.
        """
        open_ = [self._words(party, reference) for reference in self._unsettled(party)]
        found = [(reference, words) for reference, words in open_ if words is not None]
        found += self._relinks(party, later)
        found.sort(key=lambda pair: pair[0].symbol.data_rank or pair[0].symbol.slot_rank)
        lazy = []
        for reference, words in found:
            at_start = self._is_eager(party, reference)
            problem = self._problem(party, reference, words, at_start=at_start)
            if at_start:
                yield problem
            else:
                lazy.append(problem)
        yield from lazy

    def _is_eager(self, party: _Party, reference: Reference) -> bool:
        symbol, elf = reference.symbol, party.entry.elf
        if self._now or elf.bind_now:
            return True
        descriptor = symbol.uses & USE_TLS and symbol.slot_rank and not symbol.data_rank
        if descriptor and self._rules.lazy_descriptors and elf.machine in (EM_386, EM_X86_64):
            return False
        return bool(symbol.uses & _EAGER_USES)

    def _relinks(self, party: _Party, later: Sequence[_Party]) -> Iterator[tuple[Reference, str]]:
        """Yield what elf_machine_rela() says of an IFUNC whose object has to wait its turn."""
        references = {r.key: r for r in party.face.weak} | dict(party.face.wants)
        for other in later:
            for key in references.keys() & other.face.ifuncs:
                scope = self._scope(party, references[key])
                owner = next((one for one in scope if key in one.face.offers), None)
                if owner is other and self._is_eager(party, references[key]):
                    name = decode(references[key].symbol.name)
                    path, own = party.entry.path, other.entry.path
                    yield references[key], f"Relink `{path}' with `{own}' for IFUNC symbol `{name}'"

    def _unsettled(self, party: _Party) -> Iterator[Reference]:
        """Yield the references that have to be looked up one by one."""
        yield from party.face.copies
        wants = party.face.wants
        unmet = party.face.unmet
        for offers in self._offers:
            if not unmet.keys:
                break
            unmet = unmet.after(offers)
        yield from (wants[key] for key in unmet.keys)
        if self._doubtful:
            settled = (wants[key] for key in wants.keys() - set(unmet.keys))
            doubtful = self._doubtful
            yield from (r for r in (*settled, *party.face.weak) if r.library in doubtful)

    def _doubtful_libraries(self) -> Iterator[str]:
        """Yield the libraries of whose versions finding the symbol elsewhere is not enough."""
        for party in self._parties:
            if self._rules.strict_version_file or not (
                party.face.has_table or self._rules.bare_definitions
            ):
                yield from party.entry.names

    def _words(self, party: _Party, reference: Reference) -> tuple[Reference, str | None]:
        """Return the loader's words where nothing answers; None where something does."""
        words = _unbound(reference, self._scope(party, reference), self._rules)
        return reference, None if reference.symbol.weak and words != _INCONSISTENT else words

    def _scope(self, party: _Party, reference: Reference) -> Sequence[_Party]:
        if reference.symbol.copied:
            return self._parties[1:]  # all but the program itself
        return [party, *self._parties] if party.entry.elf.symbolic else self._parties

    def _problem(
        self, party: _Party, reference: Reference, words: str, *, at_start: bool
    ) -> SymbolProblem:
        kind: Literal["start", "call", "relink"] = "start" if at_start else "call"
        return SymbolProblem(
            "relink" if words.startswith("Relink") else kind,
            decode(reference.symbol.name),
            reference.version,
            reference.library,
            party.entry.path,
            self._line(party.entry.path, words),
        )

    def _line(self, path: str, words: str) -> str | None:
        if words == _INCONSISTENT:
            return inconsistency(self._release, "dl-lookup.c", "check_match", _INCONSISTENT)
        if words.startswith("Relink"):
            return f"{self._argv0}: {words}"
        if self._opening:  # dlerror(3)
            return f"{path}: {words}"
        kind = "symbol lookup" if words.startswith("undefined") else "relocation"
        return f"{self._argv0}: {kind} error: {path}: {words}"


def _unbound(reference: Reference, scope: Sequence[_Party], rules: Rules) -> str | None:
    name = decode(reference.symbol.name)
    for party in scope:
        provider = reference.library is not None and reference.library in party.entry.names
        said = answer(party.face, reference, provider=provider, lenient=rules.bare_definitions)
        if said is Answer.YES:
            return None
        if said is Answer.INCONSISTENT:
            return _INCONSISTENT
        if rules.strict_version_file and provider:
            return (
                f"symbol {name}, version {reference.version} not defined in file "
                f"{reference.library} with link time reference"
            )
    version = f", version {reference.version}" if reference.version else ""
    return f"undefined symbol: {name}{version}"
