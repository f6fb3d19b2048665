"""
What apk's database and its cached indices have on disk.

apk knows libraries as ``so:SONAME`` and commands as ``cmd:NAME``.
Source: apk-package(5), apk-cache(5).
"""

from __future__ import annotations

from preflight.model.question import Offer, Offers, Package
from preflight.probe.managers.said import Said, alike


def read(question: Package, said: Said) -> Offers:
    """Return what *said* tells about *question*."""
    keys = _keys(question)
    here = {name: v for key in keys for name, v in said.versions("installed", key).items()}
    there = {name: v for key in keys for name, v in said.versions("index", key).items()}
    owned = {
        name: version
        for path, name, version, _ in said.rows("installed", 4)
        if path.startswith("/") and alike(path, question.file or question.name)
    }
    if question.version:
        offers = [
            Offer(name, "owns", "apk database", version, _candidate(said, name))
            for name, version in owned.items()
        ]
    else:
        offers = [
            Offer(name, "provides", "apk index", (here | owned).get(name), version)
            for name, version in there.items()
        ]
        offers += [
            Offer(name, "provides", "apk database", version, _candidate(said, name))
            for name, version in (here | owned).items()
            if name not in there
        ]
        offers += [
            Offer(guess, "named", "apk index", None, version)
            for guess in question.guesses
            if (version := _candidate(said, guess)) and guess not in there
        ]
    read_ = "index" in said.titles
    reason = "" if read_ else "apk has no index there: apk update, with a cache, makes one"
    return Offers(manager="apk", packages=tuple(offers), read=read_, reason=reason)


def _keys(question: Package) -> tuple[str, ...]:
    if question.name.startswith("/"):
        return (f"cmd:{question.name.rpartition('/')[2]}",)
    return () if question.version else (f"so:{question.name}",)


def _candidate(said: Said, name: str) -> str | None:
    return said.versions("index", name).get(name)
