"""What a Go program says of its build, beside what the host would make of it."""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.model.verdict import Finding

_TOLD = ("-buildmode", "-tags", "-ldflags", "CGO_ENABLED", "GOOS", "GOARCH")
_LEVELS = ("GOAMD64", "GOARM", "GO386", "GOARM64", "GOPPC64", "GORISCV64", "GOMIPS", "GOMIPS64")


def check_go(case: Case) -> Iterator[Finding]:
    """Name the case: static or not, because of cgo or not, or for another system."""
    build, linkage = case.requirements.go, case.requirements.go_linkage
    if build is None:
        return
    system = build.setting("GOOS") or "linux"
    how = linkage.sentence if linkage and system == "linux" else "for another system"
    settings = [f"{name}={value}" for name, value in build.settings if name in (*_TOLD, *_LEVELS)]
    yield Finding(
        code="go-build",
        severity="info",
        subject=build.release,
        message=f"a Go program ({build.release}), {how}",
        evidence=tuple(settings),
    )
