"""What a Go program says of its own build."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Linkage = Literal["static", "static-cgo", "dynamic-cgo", "dynamic"]
BuildMode = Literal["exe", "pie", "c-shared", "c-archive", "plugin", "shared"]


class GoModule(Struct, frozen=True):
    """One module of the build list; *replacement* is what stood in for it (``=>``)."""

    path: str
    version: str
    sum: str = ""
    replacement: GoModule | None = None


class GoBuild(Struct, frozen=True):
    """The build information that Go's linker leaves in a program (runtime/debug.BuildInfo)."""

    release: str  # of Go: "go1.19.8"
    path: str = ""  # the main package
    main: GoModule | None = None
    modules: tuple[GoModule, ...] = ()  # the dependencies
    settings: tuple[tuple[str, str], ...] = ()  # in the file's order: -tags, CGO_ENABLED, GOOS …

    def setting(self, name: str) -> str | None:
        """Return a build setting, None where the program does not tell it."""
        return dict(self.settings).get(name)


class GoLinkage(Struct, frozen=True):
    """
    How a Go program was linked, and why.

    "static": the Go toolchain's own code alone; "static-cgo": with a C library
    inside, which may still load parts of itself; "dynamic-cgo": it needs the
    host's C library, because of what *reasons* name; "dynamic": it needs a
    loader without any cgo.
    """

    kind: Linkage
    reasons: tuple[str, ...] = ()
    mode: BuildMode = "exe"  # -buildmode, told or seen

    @property
    def sentence(self) -> str:
        """The case in words."""
        words = {
            "static": "static, without cgo",
            "static-cgo": "static, with a C library linked in by cgo",
            "dynamic-cgo": "dynamic because of cgo",
            "dynamic": "dynamic without cgo",
        }[self.kind]
        return f"{words}: {', '.join(self.reasons)}" if self.reasons else words
