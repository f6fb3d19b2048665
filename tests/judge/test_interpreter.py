"""Interpreters that are not at hand here."""

from __future__ import annotations

from preflight.judge import judge
from preflight.model.elf import AbiTag, LoaderIdentity
from preflight.model.question import Failed, ReadElf
from preflight.model.start import Start
from preflight.model.verdict import Verdict
from tests.builders import host as h

APP = Start(install_path="/opt/app")


def under(loader: object, **facts: object) -> Verdict:
    """Return what becomes of a program under this loader."""
    return judge(
        h.requirements(h.program()), APP, h.snapshot(h.files({h.LOADER: loader}), facts=facts)
    ).verdict


def named(family: str) -> object:
    """Return a loader of another family."""
    return h.loader(identity=LoaderIdentity(family, None, "banner", (), (), None, None))


def test_stub_of_nixos_only_prints_an_error():
    """NixOS's stand-in ends every program with 127."""
    verdict = under(named("nix-stub"))

    assert ("Could not start dynamically linked executable: /opt/app", 127) == (
        verdict.predicted_error,
        verdict.predicted_exit,
    )


def test_gcompat_is_not_judged():
    """A wrapper whose rules are not known leaves the outcome open."""
    assert under(named("gcompat")).outcome == "unknown"


def test_kernel_older_than_the_loader():
    """The loader of 2.31 refuses a kernel older than it was built for."""
    old = h.loader("2.31", abi_tag=AbiTag(0, (6, 2, 0)))

    verdict = under(old, kernel="6.1.0-18-amd64")

    assert verdict.predicted_error == "FATAL: kernel too old"


def test_newer_releases_do_not_look_at_the_kernel():
    """From 2.36 on the tag means nothing."""
    assert under(h.loader("2.36", abi_tag=AbiTag(0, (9, 0, 0)))).outcome == "deployable"


def test_interpreter_that_nobody_could_read_is_unknown():
    """Permission denied to who looked is no verdict."""
    answers = h.files({}) | {ReadElf(h.LOADER): Failed("EACCES")}

    verdict = judge(h.requirements(h.program()), APP, h.snapshot(answers)).verdict

    assert verdict.outcome == "unknown"
