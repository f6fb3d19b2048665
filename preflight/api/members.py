"""What a bundle comes to in a run: itself and its members, each with a start of its own."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import structs

from preflight.api.wants import Want
from preflight.judge.bundle import Part, settle
from preflight.model.requirements import Bundle, Requirements
from preflight.model.start import Opener, Start
from preflight.model.verdict import Verdict


def wants(
    requirements: Iterable[Requirements], start_for: Callable[[Requirements], Start]
) -> Iterator[Want]:
    """
    Yield what is wanted of a host, in the order of `with_members`.

    Of a bundle, *start_for* gives the directory that it is unpacked in as the
    install path.
    """
    for needed in requirements:
        if needed.member_of is not None:
            continue
        start = start_for(needed)
        yield Want(needed, start)
        for member in needed.members:
            yield Want(member, _inside(start, needed.bundle, member))


def settled(wants: Sequence[Want], verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Return *verdicts* on *wants*, those of bundles and of their members seen together."""
    if all(want.requirements.member_of is None for want in wants):
        return tuple(verdicts)
    parts = zip(wants, verdicts, strict=True)
    return settle([Part(want.requirements, want.start, verdict) for want, verdict in parts])


def _inside(start: Start, bundle: Bundle | None, member: Requirements) -> Start:
    if bundle is not None and bundle.temporary:
        return _unpacked(start, bundle, member)
    root = (bundle.root if bundle else None) or start.install_path
    if root is None:
        return structs.replace(start, bundle=bundle)
    path = f"{root.rstrip('/')}/{member.inner}"
    # What is judged in place is the host's own to show.
    laid = None if start.in_place else root
    inside = structs.replace(start, install_path=path, bundle=bundle, bundle_root=laid)
    return inside if bundle is None else _opened(inside, bundle, root.rstrip("/"), member)


def _opened(start: Start, bundle: Bundle, root: str, member: Requirements) -> Start:
    """Return how *member* is opened by the program of the bundle that does; others as they are."""
    program = bundle.openers.get(member.opened_by or "")
    if program is None or start.loaded_by is not None:
        return start
    path = f"{root}/{program.inner}"
    opener = Opener(requirements=program, install_path=path, in_place=start.in_place)
    if program.beside is not None:
        start = _searching(start, posixpath.normpath(f"{path}/../{program.beside}"))
    return structs.replace(start, loaded_by=opener)


def _searching(start: Start, directory: str) -> Start:
    """
    Return *start* as PyInstaller's boot loader starts itself anew.

    Source: PyInstaller bootloader/src/pyi_utils_posix.c (LD_LIBRARY_PATH).
    """
    path = ":".join(filter(None, (directory, start.variable("LD_LIBRARY_PATH"))))
    others = tuple(pair for pair in start.env if pair[0] != "LD_LIBRARY_PATH")
    return structs.replace(start, env=(*others, ("LD_LIBRARY_PATH", path)))


def _unpacked(start: Start, bundle: Bundle, member: Requirements) -> Start:
    """
    Return how a library that the program itself unpacks is found.

    Source: PyInstaller bootloader/src/pyi_path.c (the directory's place).
    """
    root = f"{(start.variable('TMPDIR') or '/tmp').rstrip('/')}/_MEIxxxxxx"  # noqa: S108
    return structs.replace(
        _searching(start, root),
        install_path=f"{root}/{member.inner}",
        in_place=False,
        argv0=None,
        bundle=bundle,
        bundle_root=root,
    )
