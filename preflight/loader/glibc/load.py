"""
Which objects ld.so loads for a program, in load order.

Source: glibc elf/dl-deps.c, _dl_map_object_deps() (breadth first, in file
order); elf/dl-load.c, _dl_map_object() and _dl_map_object_from_fd() (names,
sonames and file identity); elf/rtld.c, dl_main() (preloads).

The real loader stops at the first library that it cannot have.  This one
goes on, so that everything that is missing can be listed at once.
"""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Iterable, Iterator

from msgspec import structs

from preflight.loader.glibc import tokens
from preflight.loader.glibc.attempt import (
    Found,
    NotFound,
    Unsettled,
    find,
    refused_plugin,
    spelled_out,
)
from preflight.loader.glibc.candidate import Fate, Site, examine
from preflight.loader.glibc.linkmap import LinkMap, freeze, interpreter_map, vdso_map
from preflight.loader.glibc.release import Release, Rules, inconsistency, parse_release, rules_of
from preflight.loader.glibc.search import Requester, Search
from preflight.loader.setting import (
    Doubt,
    Ending,
    Miss,
    Plugin,
    Resolution,
    Setting,
)
from preflight.model.elf import DT_AUXILIARY, DT_FILTER
from preflight.model.question import BytesContent, ElfContent, Failed
from preflight.model.start import Start
from preflight.model.text import encode

_PATH_MAX = 4096  # bytes; longer names of LD_PRELOAD are passed over (handle_preload_list)
_NEWEST_KERNEL = (999, 0, 0)  # an unknown kernel is taken for a new one


def load(setting: Setting) -> Resolution:
    """Return what ld.so loads for the program of *setting*, and what it cannot."""
    return _Load(setting).run()


def prefix(setting: Setting) -> str:
    """Return how a fatal line of the loader begins."""
    return f"{setting.argv0}: error while loading shared libraries: "


def release_of(setting: Setting) -> Release | None:
    """Return the release of the loader: its own word, else what its file is called."""
    identity = setting.loader.identity
    if identity and (release := parse_release(identity.release)):
        return release
    answer = setting.inquiry.elf(setting.interpreter)
    if isinstance(answer, ElfContent):
        match = re.search(r"/ld-(\d+\.\d+)\.so$", answer.state.real)
        return parse_release(match[1]) if match else None
    return None


def locks_stack(start: Start, rules: Rules) -> bool:
    """Whether the start's tunables forbid executable stacks (elf/dl-execstack-tunable.c)."""
    return rules.execstack_tunable and _execstack(start) == "0"


def _execstack(start: Start) -> str:
    """Return the tunable glibc.rtld.execstack, without zeros and 0x before it."""
    return re.sub(r"^0[0xX]*(?=\d)", "", start.tunable("glibc.rtld.execstack") or "")


class _Load:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._release = release_of(setting)
        self._rules = rules_of(self._release or (2, 36))
        origin = _program_origin(setting)
        unplaced = setting.path is None
        self._program = Requester(setting.argv0, setting.program, origin, None, unplaced)
        self._search = Search(setting, self._rules, self._program)
        self._site = Site(
            setting.loader,
            self._rules,
            setting.facts.page_size or 4096,
            _kernel(setting),
            any("-linux-gnu" in directory for directory in self._search.system_dirs),
            locks_stack(setting.start, self._rules),
        )
        self._misses: list[Miss] = []
        self._doubts: list[Doubt] = []
        self._lines: list[str] = []
        self._ending = Ending.ERROR
        self._prefix = prefix(setting)
        self._maps = [LinkMap("", setting.argv0, self._program, "program", (-1, -1), {""})]
        self._loader_map = interpreter_map(setting)
        self._vdso = vdso_map(setting.loader)

    def run(self) -> Resolution:
        """Load preloads and dependencies; return the whole."""
        if self._release is None:
            self._doubt("the loader's release", None, "its bytes and its name do not say it")
        self._doubt_variables()
        self._preload()
        self._complete(self._maps)
        self._check_order()
        if self._setting.plugin is not None:
            self._open_plugin(self._setting.plugin)
        self._doubt_packed()
        self._doubt_second()
        return Resolution(
            family="glibc",
            release=self._release,
            objects=freeze(self._maps),
            misses=tuple(self._misses),
            doubts=tuple(self._doubts),
            lines=tuple(self._lines),
            ending=self._ending,
        )

    def _complete(self, maps: Iterable[LinkMap]) -> None:
        """
        Load what *maps* need, and what that needs.

        What an object is a filter of stands before it in the list, so its turn is next.
        """
        queue = deque(maps)
        while queue:
            new = list(self._dependencies(queue.popleft()))
            queue.extendleft(entry for filtee, entry in new[::-1] if filtee)
            queue.extend(entry for filtee, entry in new if not filtee)

    def _open_plugin(self, plugin: Plugin) -> None:
        """Load what dlopen(3) loads."""
        at_start = len(self._maps)
        self._prefix = ""
        self._lines.clear()  # dlerror(3) begins anew
        locked = self._rules.refuses_exec_stack and not self._has_executable_stack()
        self._site = structs.replace(self._site, opening=True, stack_locked=locked)
        if self._map_plugin(plugin):
            self._complete(self._maps[at_start:])
        for entry in self._maps[at_start:]:
            entry.opened = True

    def _has_executable_stack(self) -> bool:
        wanted = any(entry.elf.exec_stack is not False for entry in self._maps)
        return wanted or _execstack(self._setting.start) == "2"

    def _map_plugin(self, plugin: Plugin) -> bool:
        """Map the plugin itself, which needs not be on the host yet."""
        name, program = plugin.name, self._maps[0]
        result = examine(plugin.elf, self._site)
        if result.fate is Fate.USED:
            origin = posixpath.dirname(plugin.path) if plugin.path else None
            requester = Requester(name, plugin.elf, origin, self._program, plugin.path is None)
            entry = LinkMap(name, name, requester, "dlopen", (-2, -2), {name})
            entry.need(program)
            self._maps.append(entry)
            return True
        self._refuse(name, program, refused_plugin(name, result, self._site.loader))
        return False

    def _preload(self) -> None:
        for name, source in self._preloads():
            known = len(self._misses)
            # Only a path is expanded here (_dl_map_object).
            asked = self._search.expand(name, self._program) if "/" in name else name
            if asked is not None:
                loaded = self._map(asked, self._maps[0], preload=source)
                if loaded is not None:
                    loaded.preloaded = True
            elif doubt := self._search.token_doubt(name, self._program):
                self._doubt(name, None, doubt)
            else:
                absent = NotFound(name, "cannot open shared object file", ())
                self._refuse(name, self._maps[0], absent, preload=source)
            for miss in self._misses[known:]:
                if miss.fatal or self._crashed():
                    continue
                self._lines.append(
                    f"ERROR: ld.so: object '{name}' from {source} cannot be preloaded "
                    f"({_without_errno(miss.message)}): ignored."
                )

    def _preloads(self) -> Iterator[tuple[str, str]]:
        value = self._setting.start.variable("LD_PRELOAD") or ""
        for name in re.split(r"[ :]", value):
            hidden = "/" in name and self._setting.start.secure
            if 0 < len(encode(name)) < _PATH_MAX and not hidden:
                yield name, "LD_PRELOAD"
        identity = self._setting.loader.identity
        path = (identity.preload_path if identity else None) or "/etc/ld.so.preload"
        answer = self._setting.inquiry.data(path)
        if isinstance(answer, BytesContent):
            text = re.sub(rb"#[^\n]*", b"", answer.data).decode("utf-8", "surrogateescape")
            yield from ((name, path) for name in re.split(r"[ \t\n:]+", text) if name)
        elif isinstance(answer, Failed) and answer.errno != "EACCES":
            self._doubt(path, None, f"it cannot be read ({answer.errno})")

    def _dependencies(self, current: LinkMap) -> Iterator[tuple[bool, LinkMap]]:
        """Map what *current* needs; yield what is new to the list, and whether it is filtered."""
        for dependency in current.elf.dependencies:
            known = len(self._maps)
            optional = dependency.tag == DT_AUXILIARY
            name = self._expanded(dependency.name, current, optional=optional)
            loaded = None if name is None else self._map(name, current, optional=optional)
            if loaded is not None:
                current.depends.append(loaded)
            filtee = dependency.tag in (DT_AUXILIARY, DT_FILTER)
            yield from ((filtee, entry) for entry in self._maps[known:])

    def _expanded(self, name: str, current: LinkMap, *, optional: bool) -> str | None:
        """
        Return *name* with its tokens expanded, None where it is passed over.

        What cannot be expanded is silently left out of DT_NEEDED, and fatal in
        DT_AUXILIARY: so expand_dst() is called.  A secure start may have none.
        """
        if not tokens.has_token(name):
            return name
        if self._setting.start.secure:
            words = "DST not allowed in SUID/SGID programs"
            self._refuse(name, current, NotFound(name, words, (), "unusable"))
            return None
        expanded = self._search.expand(name, current.requester)
        if expanded is None:
            if current.requester.unplaced and tokens.needs(name, "ORIGIN"):
                self._doubt(name, current.path, "the install path was not given")
            elif optional:
                words = "empty dynamic string token substitution"
                self._refuse(name, current, NotFound(name, words, (), "unusable"))
        return expanded

    def _map(
        self, name: str, current: LinkMap, *, optional: bool = False, preload: str | None = None
    ) -> LinkMap | None:
        """
        Return the object that *name* stands for, mapping it where it is new.

        *preload* is where a preload is named: LD_PRELOAD, or a file.
        """
        if known := self._known(name):
            known.need(current)
            return known
        result = find(
            name,
            current.requester,
            self._search,
            self._site,
            self._setting,
            source=preload or "DT_NEEDED",
        )
        if isinstance(result, Found):
            return self._adopt(name, current, result)
        if isinstance(result, Unsettled):
            needed_by = preload or current.path
            self._doubts.extend(Doubt(name, needed_by, reason) for reason in result.reasons)
        elif not optional:
            self._refuse(name, current, result, preload=preload)
        return None

    def _known(self, name: str) -> LinkMap | None:
        for entry in self._maps:
            if entry.answers(name):
                return entry
        for entry in (self._vdso, self._loader_map):
            if entry.answers(name):
                return self._enlist(entry)
        return None

    def _enlist(self, entry: LinkMap) -> LinkMap:
        """Put an object that was there from the start into the list, where it is asked for."""
        if entry not in self._maps:
            self._maps.append(entry)
        return entry

    def _adopt(self, name: str, current: LinkMap, found: Found) -> LinkMap:
        """Return the map of an opened file: an old one where it is the same file."""
        path, state = found.place.path, found.content.state
        identity = (state.device, state.inode)
        for entry in self._maps:
            if entry is not self._loader_map and entry.identity == identity:
                entry.names.add(name)
                entry.need(current)
                return entry
        origin = posixpath.dirname(self._search.absolute(path) or path)
        requester = Requester(path, found.content.elf, origin, current.requester)
        entry = LinkMap(name, path, requester, found.place.rule, identity, {name, path})
        entry.need(current)
        self._maps.append(entry)
        return entry

    def _crashed(self) -> bool:
        return self._ending is Ending.BUS

    def _refuse(
        self, name: str, current: LinkMap, result: NotFound, *, preload: str | None = None
    ) -> None:
        """Note a miss; a preload may be missing, but one that crashes is not passed over."""
        fatal = preload is None or result.crash
        self._misses.append(
            Miss(
                name=name,
                needed_by=preload or current.path,
                kind=result.kind,
                subject=result.subject,
                message=result.message,
                tried=result.steps,
                fatal=fatal,
            )
        )
        if fatal and not any(miss.fatal for miss in self._misses[:-1]):
            self._ending = Ending.BUS if result.crash else Ending.ERROR
        if fatal and not self._crashed():
            words = spelled_out(result.message) if self._site.opening else result.message
            self._lines.append(f"{self._prefix}{result.subject}: {words}")

    def _doubt_variables(self) -> None:
        """Some variables have ld.so do something else than to start the program."""
        start = self._setting.start
        if start.variable("LD_AUDIT") and not start.secure:
            self._doubt("LD_AUDIT", None, "an audit library may change what the loader finds")
        if start.variable("LD_TRACE_LOADED_OBJECTS") is not None:
            reason = "the loader lists the libraries and starts nothing"
            self._doubt("LD_TRACE_LOADED_OBJECTS", None, reason)

    def _doubt_packed(self) -> None:
        """DT_RELR is applied from 2.36 on; what it leaves undone may never be used."""
        if self._rules.checks_relr:
            return
        for entry in self._maps:
            if entry.elf.has_relr:
                reason = "its packed relocations (DT_RELR) are not applied by glibc before 2.36"
                self._doubts.append(Doubt(entry.path, None, reason, late=True))

    def _doubt_second(self) -> None:
        """The symbols of a second ld.so may come before those of the one that runs."""
        for entry in self._maps[1:]:
            again = entry.elf.identity and entry.elf.soname == self._setting.loader.soname
            if again and entry is not self._loader_map:
                reason = "a second dynamic loader in one program"
                self._doubts.append(Doubt(entry.path, None, reason, late=True))

    def _check_order(self) -> None:
        """
        Check what dl_main() asserts as it puts ld.so back between its neighbours.

        The kernel's object stands second in the chain of all objects; where the
        program needs it by name, it can stand elsewhere in the list.
        """
        chain = [entry for entry in self._maps if entry not in (self._vdso, self._loader_map)]
        chain.insert(1, self._vdso)
        follower = dict(zip(map(id, chain), chain[1:], strict=False))
        if self._vdso not in self._maps or self._loader_map not in self._maps or self._misses:
            return
        at = self._maps.index(self._loader_map)
        before, after = self._maps[at - 1], next(iter(self._maps[at + 1 :]), None)
        if follower.get(id(before)) is self._vdso and after is not self._vdso:
            before = self._vdso
        if follower.get(id(before)) is not after:
            self._refuse_order()

    def _refuse_order(self) -> None:
        old = self._release is not None and self._release < (2, 41)
        own = "GL(dl_rtld_map)" if old else "_dl_rtld_map"
        words = f"{own}.l_prev->l_next == {own}.l_next"
        self._misses.append(
            Miss(
                name=self._vdso.name,
                needed_by=self._vdso.needed_by[0],
                kind="unusable",
                subject=self._vdso.name,
                message="the kernel's own object (vDSO) is needed after libc",
                tried=(),
            )
        )
        if line := inconsistency(self._release, "rtld.c", "dl_main", words):
            self._lines.append(line)

    def _doubt(self, subject: str, needed_by: str | None, reason: str) -> None:
        self._doubts.append(Doubt(subject, needed_by, reason))


def _kernel(setting: Setting) -> tuple[int, int, int]:
    """Return the kernel's release, or the one that LD_ASSUME_KERNEL names (ld.so(8))."""
    assumed = re.match(
        r"(\d+)\.(\d+)(?:\.(\d+))?", setting.start.variable("LD_ASSUME_KERNEL") or ""
    )
    if assumed is not None:
        return int(assumed[1]), int(assumed[2]), int(assumed[3] or 0)
    return setting.facts.kernel_release or _NEWEST_KERNEL


def _without_errno(message: str) -> str:
    """Return a message as do_preload() prints it; the class is no errno."""
    return message if message.startswith("wrong ELF class") else message.partition(": ")[0]


def _program_origin(setting: Setting) -> str | None:
    """Return $ORIGIN of the program: nothing without /proc (_dl_get_origin)."""
    if setting.path is None or setting.facts.proc_mounted is False:
        return None
    return posixpath.dirname(setting.path)
