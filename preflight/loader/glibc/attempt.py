"""
The search for one library: tries each place in order until one holds.

Source: glibc elf/dl-load.c, _dl_map_object() and open_path(): which failure
goes on to the next place, which ends a list and which ends the search.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from enum import Enum, auto

from msgspec import Struct

from preflight.loader.glibc.candidate import Examination, Fate, Site, examine
from preflight.loader.glibc.search import PathList, Place, Requester, Search, Skip, Unexpanded
from preflight.loader.setting import MissKind, Setting
from preflight.model.elf import Elf
from preflight.model.question import Absent, ElfContent, Failed, NotAsked
from preflight.model.verdict import Step

# What the loader's own strerror() knows; anything else is "Error N" (elf/dl-minimal.c).
ERRNO_TEXT = {
    "ENOENT": "No such file or directory",
    "ENOTDIR": "Error 20",
    "EACCES": "Permission denied",
    "EPERM": "Operation not permitted",
    "ENOMEM": "Cannot allocate memory",
    "EINVAL": "Invalid argument",
    "EIO": "Input/output error",
    "EISDIR": "Error 21",
    "ENAMETOOLONG": "Error 36",
    "ELOOP": "Error 40",
}
# dlerror(3) asks libc's strerror(), which knows them all.
_SPELLED_OUT = {
    "Error 20": "Not a directory",
    "Error 21": "Is a directory",
    "Error 36": "File name too long",
    "Error 40": "Too many levels of symbolic links",
}


class Found(Struct, frozen=True):
    """The loader opens this file and takes it."""

    place: Place
    content: ElfContent
    steps: tuple[Step, ...]


class NotFound(Struct, frozen=True):
    """The loader gives up; *kind*: what is wrong with what was found."""

    subject: str  # what its line names
    message: str  # its words
    steps: tuple[Step, ...]
    kind: MissKind = "missing"
    crash: bool = False


class Unsettled(Struct, frozen=True):
    """Nobody can say yet; *reasons* is empty where only answers are outstanding."""

    reasons: tuple[str, ...]
    steps: tuple[Step, ...]


class _Move(Enum):
    NEXT_PLACE = auto()
    NEXT_LIST = auto()
    END = auto()


def find(  # noqa: PLR0913 - the search, and who wants to know
    name: str,
    requester: Requester,
    search: Search,
    site: Site,
    setting: Setting,
    *,
    source: str = "DT_NEEDED",
) -> Found | NotFound | Unsettled:
    """Return what the loader's search for *name*, which stands in *source*, comes to."""
    return _Attempt(name, requester, search, site, setting, source=source).run()


def refused_plugin(name: str, result: Examination, loader: Elf) -> NotFound:
    """Return what dlopen(3) says of a file, opened by its path, that is not used."""
    words = result.words
    if result.fate is Fate.OTHER_CLASS:
        words = f"wrong ELF class: ELFCLASS{96 - loader.bits}"
    elif result.fate is Fate.SKIPPED:
        words = f"cannot open shared object file: {ERRNO_TEXT['ENOENT']}"
    step = Step("dlopen", name, result.words)
    return NotFound(name, words, (step,), "unusable", crash=result.fate is Fate.CRASH)


def spelled_out(message: str) -> str:
    """Return *message* with the errno's text as dlerror(3) has it."""
    start, colon, errno = message.rpartition(": ")
    return start + colon + _SPELLED_OUT.get(errno, errno)


class _Attempt:
    def __init__(  # noqa: PLR0913 - see find()
        self,
        name: str,
        requester: Requester,
        search: Search,
        site: Site,
        setting: Setting,
        *,
        source: str,
    ) -> None:
        self._name = name
        self._requester = requester
        self._search = search
        self._site = site
        self._setting = setting
        self._source = source
        # What a secure start preloads by name has to be set-user-ID (open_path, __RTLD_SECURE).
        preload = source != "DT_NEEDED"
        self._guarded = bool(preload and "/" not in name and setting.start.secure)
        self._steps: list[Step] = []
        self._reasons: list[str] = []
        self._unexpanded: Unexpanded | None = None
        self._open = False
        self._other_class = False
        self._result: Found | NotFound | None = None

    def run(self) -> Found | NotFound | Unsettled:
        for places in self._lists():
            if self._walk(places) is _Move.END:
                break
        result = self._result or self._exhausted()
        if self._open or self._reasons:
            return Unsettled(tuple(self._reasons), tuple(self._steps))
        return result

    def _lists(self) -> Iterator[PathList]:
        if "/" in self._name:
            yield iter([Place(f"path in {self._source}", self._name)])
            return
        yield from self._search.lists(self._name, self._requester)
        if self._open or self._search.cache_pending:
            # Only what the answers leave over is looked for there.
            self._open = True
            return
        yield self._search.system(self._name, self._requester)

    def _walk(self, places: PathList) -> _Move:
        for place in places:
            if isinstance(place, Place):
                move = self._try(place)
                if move is not _Move.NEXT_PLACE:
                    return move
            else:
                self._pass_over(place)
        return _Move.NEXT_LIST

    def _try(self, place: Place) -> _Move:
        path = self._search.absolute(place.path)
        if path is None:
            return self._uncertain(place, "the working directory was not given")
        answer = self._setting.inquiry.elf(path)
        if isinstance(answer, NotAsked):
            self._open = True
            return _Move.NEXT_PLACE
        if isinstance(answer, Absent):
            return self._absent(place, answer.errno)
        if place.uncertain:
            return self._uncertain(place, place.uncertain)
        if isinstance(answer, Failed):
            return self._failed(place, answer.errno)
        return self._opened(place, answer)

    def _absent(self, place: Place, errno: str) -> _Move:
        if self._search.passes_over(place, self._requester):
            self._note(place, "no such directory")
            return _Move.NEXT_PLACE
        return self._gone(place, "no such file", errno)

    def _failed(self, place: Place, errno: str) -> _Move:
        if errno == "EISDIR":
            words = f"cannot read file data: {ERRNO_TEXT[errno]}"
            return self._refuse(place, Examination(Fate.FATAL_AT_OPEN, words))
        if errno == "EACCES" and self._setting.start.run_as is None:
            return self._uncertain(place, "permission denied to the user who looked")
        if errno not in ERRNO_TEXT:
            return self._uncertain(place, errno)
        return self._gone(place, ERRNO_TEXT[errno], errno)

    def _opened(self, place: Place, content: ElfContent) -> _Move:
        if self._guarded and not content.state.mode & stat.S_ISUID:
            return self._next(place, "skipped: it is not set-user-ID", "ENOENT")
        noexec = self._setting.facts.noexec_mount(content.state.real) is not None
        result = examine(content.elf, self._site, noexec=noexec)
        if result.fate is Fate.USED:
            self._note(place, "found")
            self._search.errno = None  # open_verify() resets it
            self._result = Found(place, content, tuple(self._steps))
            return _Move.END
        if result.fate in (Fate.SKIPPED, Fate.OTHER_CLASS):
            self._other_class |= result.fate is Fate.OTHER_CLASS
            return self._next(place, result.words, "ENOENT")
        return self._refuse(place, result)

    def _refuse(self, place: Place, result: Examination) -> _Move:
        self._note(place, result.words)
        self._result = NotFound(
            place.path if result.fate is Fate.FATAL_AT_OPEN else self._name,
            result.words,
            tuple(self._steps),
            kind="noexec" if result.fate is Fate.NOEXEC else "unusable",
            crash=result.fate is Fate.CRASH,
        )
        return _Move.END

    def _gone(self, place: Place, note: str, errno: str) -> _Move:
        """Go on after a file that cannot be opened: an odd errno ends the list."""
        move = self._next(place, note, errno)
        ends = place.plain and self._search.ends_list(place, errno)
        return _Move.NEXT_LIST if ends else move

    def _next(self, place: Place, note: str, errno: str) -> _Move:
        self._note(place, note)
        self._search.errno = errno
        return _Move.NEXT_PLACE

    def _uncertain(self, place: Place, reason: str) -> _Move:
        self._note(place, reason)
        self._reasons.append(f"{place.path}: {reason}")
        return _Move.NEXT_PLACE

    def _pass_over(self, place: Unexpanded | Skip) -> None:
        if isinstance(place, Unexpanded):
            self._unexpanded = place
            self._steps.append(Step(place.rule, place.element, place.reason))
        else:
            self._steps.append(Step(place.rule, "", place.reason))

    def _note(self, place: Place, result: str) -> None:
        self._steps.append(Step(place.rule, place.path, result))

    def _exhausted(self) -> NotFound:
        if self._unexpanded is not None:
            element, reason = self._unexpanded.element, self._unexpanded.reason
            self._reasons.append(f"only {element} could hold it, and {reason}")
        if self._other_class:
            other = "ELFCLASS32" if self._setting.loader.bits == 64 else "ELFCLASS64"
            return NotFound(self._name, f"wrong ELF class: {other}", tuple(self._steps))
        words = "cannot open shared object file"
        if self._search.errno is not None:
            words += f": {ERRNO_TEXT[self._search.errno]}"
        return NotFound(self._name, words, tuple(self._steps))
