"""
What rpm's database and the caches of dnf, yum, microdnf and zypper have on disk.

RPM knows libraries and their versions as capabilities, of installed packages
and of those in a repository's primary.xml: ``libc.so.6(GLIBC_2.38)(64bit)``.
Source: rpm(8); rpm, tools/elfdeps.c; createrepo_c, src/xml_dump_primary.c.
"""

from __future__ import annotations

from preflight.model.question import Offer, Offers, Package
from preflight.probe.managers.said import Said, alike

_INDEX = {"zypper": "zypper cache", "rpm": "repository cache"}


def read(question: Package, said: Said) -> Offers:
    """Return what *said* tells about *question*."""
    key = capability(question)
    index = _INDEX.get(said.manager, f"{said.manager} cache")
    here, there = said.versions("installed", key), said.versions("index", key)
    owned = {
        name: version
        for path, name, version, _ in said.rows("owners", 4)
        if alike(path, question.file or question.name)
    }
    offers = [
        Offer(name, "provides", index, (here | owned).get(name), version)
        for name, version in there.items()
    ]
    offers += [
        Offer(name, "provides", "rpm database", version, _candidate(said, name))
        for name, version in (here if question.version else here | owned).items()
        if name not in there
    ]
    if question.version:
        offers += [
            Offer(name, "owns", "rpm database", version, _candidate(said, name))
            for name, version in owned.items()
            if name not in there
        ]
    offers += [
        Offer(guess, "named", index, None, version)
        for guess in question.guesses
        if (version := _candidate(said, guess)) and guess not in there
    ]
    return Offers(
        manager=said.manager,
        packages=tuple(offers),
        read="index" in said.titles,
        reason=_reason(said),
    )


def capability(question: Package) -> str:
    """Return what RPM calls what is asked for; a file is called by its path."""
    if question.name.startswith("/"):
        return question.name
    mark = "(64bit)" if question.bits == 64 else ""
    return f"{question.name}({question.version}){mark}"


def _candidate(said: Said, name: str) -> str | None:
    return said.versions("index", name).get(name)


def _reason(said: Said) -> str:
    if "index" in said.titles:
        return ""
    if unread := said.titles.get("unread"):
        return f"there is no tool there that reads its cache ({unread[0]})"
    return f"{said.manager} has no cache there: {said.manager} makecache makes one"
