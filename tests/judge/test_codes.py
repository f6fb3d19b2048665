"""Every finding code is documented, and each comes out of the judge for its own cause."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from docs.make_findings import PAGE, findings_page
from preflight.judge import judge
from preflight.model.codes import CODES
from preflight.model.elf import (
    AbiTag,
    Elf,
    LaterNeed,
    LoaderIdentity,
    NeededVersion,
    Segment,
    VersionNeed,
)
from preflight.model.go import GoBuild
from preflight.model.question import Absent, BytesContent, ElfContent, ReadBytes, ReadElf, Stat
from preflight.model.requirements import Requirements
from preflight.model.runtime import CA_PLACES, ZONE_PLACES, RunTimeNeed
from preflight.model.snapshot import BinfmtHandler, Mount, Snapshot
from preflight.model.start import Start
from tests.builders import host as h
from tests.builders.symbols import table
from tests.judge.requirements import needs

Scene = tuple[Requirements, Start, Snapshot]
_NOWHERE = Start()
_MUSL = "/lib/ld-musl-x86_64.so.1"
_LIBC = "/lib/libc.so.6"
_HANDLER = BinfmtHandler("qemu-aarch64", "/usr/bin/qemu", "F", 18, b"\xb7\0", b"\xff\xff")
_NOEXEC = (
    Mount("/", "/dev/vda", "ext4", ("rw",)),
    Mount("/opt", "/dev/vdb", "ext4", ("rw", "noexec")),
)


def scene(image, answers=None, start: Start = _NOWHERE, **facts) -> Scene:
    """Return one binary to be judged on one host."""
    needs = image if isinstance(image, Requirements) else h.requirements(image)
    return needs, start, h.snapshot(answers, facts=facts)


def _stranger() -> dict:
    identity = LoaderIdentity("gcompat", None, "gcompat", (), (), None, None)
    return h.files({h.LOADER: h.loader(identity=identity)})


def _musl():
    return h.loader(identity=LoaderIdentity("musl", "1.2.3", None, (), (), None, None))


def _broken_loader() -> dict:
    return h.files({h.LOADER: h.loader(bits=0)})


def _asked_nothing() -> Scene:
    only_the_loader = {ReadElf(h.LOADER): ElfContent(h.state(), "", h.loader())}
    host = Snapshot(
        host="web-1", address="", status="probed", facts=h.FACTS, answers=only_the_loader
    )
    return h.requirements(h.program("libc.so.6")), Start(), host


def _wanting(kind, places=(), answers=None, start: Start = _NOWHERE, **facts) -> Scene:
    """Return a program with a run-time need, on a host that has nothing."""
    needs = (RunTimeNeed(kind, "it does", tuple(places)),)
    program = h.requirements(h.program(), runtime_needs=needs)
    return scene(program, h.files({}) | (answers or {}), start, **facts)


def _unreachable() -> Scene:
    host = Snapshot(host="web-1", address="", status="unreachable", cause="no-route", reason="no")
    return h.requirements(h.program()), Start(), host


def _locked() -> Scene:
    passwd = b"root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"
    answers = h.files({}) | {
        ReadBytes("/etc/passwd"): BytesContent(h.state(), "", passwd),
        ReadBytes("/etc/group"): BytesContent(h.state(), "", b"app:x:1000:\n"),
        Stat("/opt"): h.state(mode=0o040700, real="/opt"),
        Stat("/"): h.state(mode=0o040755, real="/"),
    }
    return scene(h.program(), answers, Start(install_path="/opt/app", run_as="app"))


def script(line: str, there: dict[str, Elf] | None = None) -> Scene:
    """Return a script with this first line, and a host with these programs."""
    return scene(h.requirements(None, format="script", head=line.encode()), h.files(there or {}))


def lacking(kind: str, subject: str, value: str, answers=None, **facts) -> Scene:
    """Return an application that needs this of a host, and a host with these answers alone."""
    requirements = needs.manifest(needs.need(kind, subject, value))
    return scene(requirements, answers or {}, **facts)


_TOO_OLD = h.loader("2.31", abi_tag=AbiTag(0, (9, 0, 0)))
_LATER = LaterNeed(sonames=("libz.so.9",), priority="required")
_VERSIONED = VersionNeed("liba.so", (NeededVersion("A_2", False, 2),))

SCENES: dict[str, Callable[[], Scene]] = {
    "format-not-elf": lambda: scene(h.requirements(None, format="pe")),
    "script-not-judged": lambda: script("#!/bin/env -u A sh", {"/bin/env": h.loader()}),
    "script-line-unusable": lambda: script("#!\n"),
    "script-carriage-return": lambda: script("#!/bin/sh\r\n"),
    "go-build": lambda: scene(h.requirements(h.program(), go=GoBuild("go1.19"))),
    "file-truncated": lambda: scene(h.program(segments=(Segment(1, 5, 0, 0, 99999, 99999, 4096),))),
    "judged-as-library": lambda: scene(h.elf(soname="liba.so")),
    "machine-mismatch": lambda: scene(h.program(machine=183)),
    "system-mismatch": lambda: scene(
        h.requirements(h.program(), go=GoBuild("go1.19", settings=(("GOOS", "freebsd"),)))
    ),
    "emulated": lambda: scene(h.program(machine=183, head=h.head(machine=183)), binfmt=(_HANDLER,)),
    "interpreter-missing": lambda: scene(h.program(interpreter="/lib/ld-musl-x86_64.so.1")),
    "interpreter-unusable": lambda: scene(h.program(), _broken_loader()),
    "library-missing": lambda: scene(h.program("libssl.so.3")),
    "library-unusable": lambda: scene(
        h.program("liba.so"), h.files({"/lib/liba.so": h.elf(head=b"text" * 16)})
    ),
    "version-missing": lambda: scene(
        h.program("libc.so.6", version_needs=h.wants("libc.so.6", "GLIBC_2.38")),
        h.files({_LIBC: h.elf(version_defs=h.defines("GLIBC_2.2.5", "GLIBC_2.36"))}),
    ),
    "version-weak-missing": lambda: scene(
        h.program("libc.so.6", version_needs=h.wants("libc.so.6", "GLIBC_2.38", weak=True)),
        h.files({_LIBC: h.elf(version_defs=h.defines("GLIBC_2.2.5"))}),
    ),
    "version-info-missing": lambda: scene(
        h.program("libc.so.6", version_needs=h.wants("libc.so.6", "GLIBC_2.38")),
        h.files({_LIBC: h.elf()}),
    ),
    "version-inconsistent": lambda: scene(h.program(version_needs=(_VERSIONED,))),
    "symbol-missing": lambda: scene(h.program(symbols=table("gone", uses=1))),
    "symbol-missing-lazy": lambda: scene(h.program(symbols=table("gone", uses=2))),
    "dlopen-missing": lambda: scene(h.program(later=(_LATER,))),
    "dlopen-unknown": lambda: scene(
        h.program(later=(structs.replace(_LATER, sonames=("$ORIGIN/libz.so",)),))
    ),
    "relocation-unsupported": lambda: scene(
        h.program(interpreter=_MUSL, irelative=True), h.files({_MUSL: _musl()})
    ),
    "cpu-level-too-low": lambda: scene(h.program(isa_needed=8)),
    "kernel-too-old": lambda: scene(h.program(), h.files({h.LOADER: _TOO_OLD})),
    "mount-noexec": lambda: scene(
        h.program(), start=Start(install_path="/opt/app"), mounts=_NOEXEC
    ),
    "exec-policy": lambda: scene(h.program(), ima_appraise=True),
    "permission-denied": _locked,
    "payload-not-judged": lambda: scene(h.requirements(h.program(), payload="PyInstaller")),
    "requirement-system": lambda: lacking("system", "kernel", ">=9.0"),
    "requirement-disk": lambda: lacking(
        "disk", "/opt", "1GiB", needs.said("disk", "/opt", text="/\nfs 9 8 1 9% /")
    ),
    "requirement-mount": lambda: lacking("mounts", "/opt", "exec", mounts=_NOEXEC),
    "requirement-package": lambda: lacking(
        "packages", "zlib", "*", needs.said("package", "zlib", text="dpkg\n\nexit 1")
    ),
    "requirement-file": lambda: lacking("files", "/etc/app.yaml", "-"),
    "requirement-user": lambda: lacking(
        "users", "app", "-", needs.said("name", "passwd", "app", text="getent\n\nexit 2")
    ),
    "requirement-group": lambda: lacking(
        "groups", "app", "-", needs.said("name", "group", "app", text="getent\n\nexit 2")
    ),
    "requirement-limit": lambda: lacking("limits", "nofile", "65536"),
    "requirement-sysctl": lambda: lacking("sysctl", "vm.overcommit_memory", "1"),
    "requirement-port": lambda: lacking("ports_free", "8080", "-"),
    "requirement-reach": lambda: lacking(
        "reach", "db:1", "-", needs.said("connect", "db", "1", text="bash\n\nexit 137")
    ),
    "requirement-clock": lambda: lacking("clock", "offset", "2s"),
    "requirement-command": lambda: lacking("commands", "tar", "*"),
    "ca-certificates-missing": lambda: _wanting("ca-certificates", CA_PLACES),
    "timezone-data-missing": lambda: _wanting("timezone-data", ZONE_PLACES),
    "nss-modules": lambda: _wanting("nss", ("files",), {ReadBytes("/etc/nsswitch.conf"): Absent()}),
    "gconv-modules-missing": lambda: _wanting("gconv", ("/usr/lib/gconv/",)),
    "shm-missing": lambda: _wanting("shared-memory"),
    "proc-missing": lambda: _wanting("proc", proc_mounted=False),
    "locale-missing": lambda: _wanting("locale", start=Start(env=(("LANG", "de_DE.UTF-8"),))),
    "os-unsupported": lambda: scene(h.program(), system="FreeBSD"),
    "libc-unsupported": lambda: scene(h.program(), _stranger()),
    "install-path-unknown": lambda: scene(h.program("liba.so", runpath="$ORIGIN/lib")),
    "undecided": lambda: scene(
        h.program("liba.so"), h.files({h.LOADER: h.loader(release="unnumbered")})
    ),
    "host-not-probed": _unreachable,
    "not-asked": _asked_nothing,
}


# What a proof says stands in test_proof, what becomes of a bundle in test_bundle.
@pytest.mark.parametrize(
    "code",
    [code for code in CODES if code != "proof-disagrees" and not code.startswith("member-")],
)
def test_code_is_found_for_its_cause(code):
    """The scene of a code makes the judge say that code."""
    judgement = judge(*SCENES[code]())

    assert code in [finding.code for finding in judgement.verdict.findings]


@pytest.mark.parametrize("code", ["library-missing", "version-weak-missing", "undecided"])
def test_finding_carries_its_remedy(code):
    """What is wrong, open or doubtful says how to mend it, as `preflight explain` does."""
    findings = judge(*SCENES[code]()).verdict.findings

    assert [f.remedy for f in findings if f.code == code] == [CODES[code].remedy]


def test_information_needs_no_remedy():
    """What is right as it is has nothing to be mended."""
    findings = judge(*SCENES["emulated"]()).verdict.findings

    assert [f.remedy for f in findings if f.severity == "info"] == [None]


def test_no_other_code_is_ever_said():
    """Whatever the scenes bring forth stands in the table of codes."""
    said = {f.code for make in SCENES.values() for f in judge(*make()).verdict.findings}

    assert said <= set(CODES)


def test_findings_page_is_the_table_of_codes():
    """docs/findings.md has a section for every code, as `preflight explain` says it."""
    assert findings_page() == PAGE.read_text("utf-8")
