"""Where a program would start by the table, without a host; and how that compares with verdicts."""

from __future__ import annotations

from typing import Any

import pytest

from preflight.analyze import analyze
from preflight.judge.estimate import estimate, outlook, versions_of
from preflight.model.elf import DT_NEEDED, AbiTag, Dependency, NeededVersion, VersionNeed
from preflight.model.estimate import Reason
from preflight.model.go import GoBuild
from preflight.model.releases import Release, release_of, releases
from preflight.model.requirements import Bundle, Requirements
from preflight.model.start import Start
from tests.builders.report import binary, elf
from tests.crosscheck.prediction import Target

SUITES = {"bullseye": "11", "bookworm": "12", "trixie": "13"}
OF_LIBC = {"version-missing", "interpreter-missing", "interpreter-unusable"}


def release(**fields: Any) -> Release:
    """Return a release with glibc 2.36 and gcc 12.2, where OpenSSL 3 is a package."""
    plain = {
        "name": "Test 1",
        "family": "Test",
        "id": "test",
        "version": "1",
        "libc": "glibc",
        "libc_version": "2.36",
        "gcc": "12.2",
        "kernel": "6.1",
        "machines": ("x86_64",),
        "sources": ("https://example.org/",),
        "libraries": {
            "libssl.so.3": "libssl3",
            "libstdc++.so.6": "libstdc++6",
            "libgcc_s.so.1": "libgcc-s1",
        },
        "always": ("libgcc_s.so.1", "libstdc++.so.6"),
        "absent": ("libssl.so.1.1",),
    }
    return Release(**(plain | fields))


def program(needed: str = "libc.so.6", versions: str = "", **fields: Any) -> Requirements:
    """Return a program that needs these libraries, and versions as ``libc.so.6:GLIBC_2.34``."""
    needs: dict[str, list[NeededVersion]] = {}
    for version in versions.split():
        library, _, name = version.partition(":")
        needs.setdefault(library, []).append(NeededVersion(name, weak=False, index=2))
    inside = {
        "dependencies": tuple(Dependency(DT_NEEDED, name) for name in needed.split()),
        "version_needs": tuple(VersionNeed(name, tuple(some)) for name, some in needs.items()),
    }
    own = {name: fields.pop(name) for name in list(fields) if name in ELF_FIELDS}
    return binary(elf=elf(**(inside | own)), **fields)


ELF_FIELDS = ("interpreter", "machine", "bits", "type", "runpath", "abi_tag", "defect", "soname")


def static(**fields: Any) -> Requirements:
    """Return a static program."""
    return program("", interpreter=None, type=2, libc=None, **fields)


@pytest.mark.parametrize(
    ("versions", "reason"),
    [
        ("libc.so.6:GLIBC_2.36", None),
        ("libc.so.6:GLIBC_ABI_DT_RELR", None),
        (
            "libc.so.6:GLIBC_2.4 libc.so.6:GLIBC_2.38",
            Reason("libc.so.6 has no GLIBC_2.38", "GLIBC_2.36"),
        ),
        ("libm.so.6:GLIBC_2.38", Reason("libm.so.6 has no GLIBC_2.38", "GLIBC_2.36")),
        ("libstdc++.so.6:GLIBCXX_3.4.30 libstdc++.so.6:CXXABI_1.3.13", None),
        (
            "libstdc++.so.6:GLIBCXX_3.4.32",
            Reason("libstdc++.so.6 has no GLIBCXX_3.4.32", "GLIBCXX_3.4.30"),
        ),
        ("libgcc_s.so.1:GCC_14.0.0", Reason("libgcc_s.so.1 has no GCC_14.0.0", "GCC_12.0.0")),
    ],
)
def test_versions_follow_from_the_releases_of_glibc_and_gcc(versions, reason):
    """2.4 is older than 2.36: numbers are compared, not letters."""
    found = estimate(program("libc.so.6 libstdc++.so.6 libgcc_s.so.1", versions), release())

    assert (("does-not-start", (reason,)) if reason else ("starts", ())) == (
        found.answer,
        found.reasons,
    )


def test_what_updates_may_bring_is_not_known():
    """Of a release that grows the table has the least."""
    wanted = program("libc.so.6", "libc.so.6:GLIBC_2.38")

    found = estimate(wanted, release(grows=("libc", "gcc")))

    assert "unknown" == found.answer
    assert (Reason("whether libc.so.6 has GLIBC_2.38", "at least GLIBC_2.36"),) == found.reasons


@pytest.mark.parametrize("version", ["ld-linux-x86-64.so.2:GLIBC_2.38", "libc.so.6:GLIBC_ABI_X"])
def test_what_a_distribution_may_have_added_is_not_known(version):
    """Symbols of a later release in the loader, and marks of the C library's abilities."""
    assert "unknown" == estimate(program("libc.so.6", version), release()).answer


@pytest.mark.parametrize(
    ("soname", "answer", "reason"),
    [
        ("libssl.so.3", "needs-packages", ()),
        ("libstdc++.so.6", "starts", ()),
        (
            "libssl.so.1.1",
            "does-not-start",
            (Reason("no package has libssl.so.1.1", "libssl.so.3"),),
        ),
        ("libfoo.so.1", "unknown", (Reason("libfoo.so.1 is not in the table"),)),
    ],
)
def test_libraries_are_there_in_packages_absent_or_not_known(soname, answer, reason):
    """A library that the table says nothing of is not taken for missing."""
    found = estimate(program(f"libc.so.6 {soname}"), release())

    assert (answer, reason) == (found.answer, found.reasons)
    assert (("libssl3",) if answer == "needs-packages" else ()) == found.packages


def test_versions_of_other_libraries_are_unknown_where_nobody_looked():
    """A package with the soname is not yet one with the version."""
    found = estimate(program("libssl.so.3", "libssl.so.3:OPENSSL_3.2.0"), release())

    assert (Reason("whether libssl.so.3 has OPENSSL_3.2.0"),) == found.reasons
    assert "unknown" == found.answer


def test_a_run_path_may_lead_to_what_no_package_has():
    """What lies beside the program nobody sees from here."""
    found = estimate(program("libssl.so.1.1", runpath="$ORIGIN/../lib"), release())

    assert "unknown" == found.answer
    assert "libssl.so.1.1 has to lie in $ORIGIN/../lib" == found.reasons[0].text


def test_the_other_libc_has_no_loader():
    """Programs of glibc find none on musl, and the other way round."""
    musl = release(libc="musl", libc_version="1.2.5")
    on_musl = estimate(program(), musl)
    on_glibc = estimate(
        program("libc.so", interpreter="/lib/ld-musl-x86_64.so.1", libc="musl"), release()
    )

    assert (Reason("no loader /lib64/ld-linux-x86-64.so.2", "musl"),) == on_musl.reasons
    assert (Reason("no loader /lib/ld-musl-x86_64.so.1", "glibc"),) == on_glibc.reasons


def test_debian_has_musl_as_a_package():
    """It serves programs that need nothing else."""
    debian = release(family="Debian")
    alone = program("libc.musl-x86_64.so.1", interpreter="/lib/ld-musl-x86_64.so.1", libc="musl")
    more = program("libc.so libz.so.1", interpreter="/lib/ld-musl-x86_64.so.1", libc="musl")

    assert ("musl",) == estimate(alone, debian).packages
    assert "does-not-start" == estimate(more, debian).answer


def test_a_loader_of_another_place_is_in_no_package():
    """Programs of NixOS name theirs in its store."""
    found = estimate(program(interpreter="/nix/store/abc/lib/ld-linux-x86-64.so.2"), release())

    assert "does-not-start" == found.answer


def test_static_programs_start_everywhere():
    """Also where there is no C library; on their machine."""
    assert "starts" == estimate(static(), release(libc=None)).answer
    found = estimate(static(), release(machines=("aarch64",)))
    assert (Reason("no release for x86_64"),) == found.reasons


def test_a_newer_kernel_than_the_release_began_with_is_not_known():
    """Updates may bring one, and a container has its host's."""
    found = estimate(static(abi_tag=AbiTag(0, (6, 5, 0))), release())

    assert (Reason("made for kernels from 6.5.0 on", "6.1"),) == found.reasons
    assert "unknown" == found.answer


def test_thirty_two_bits_are_a_condition():
    """A release that has both needs the packages of the other."""
    wanted = program(machine=3, bits=32, interpreter="/lib/ld-linux.so.2")

    assert ("with the 32-bit packages",) == estimate(
        wanted, release(machines=("x86_64", "i386"))
    ).conditions
    assert "unknown" == estimate(wanted, release()).answer
    assert "does-not-start" == estimate(wanted, release(absent=("ld-linux.so.2",))).answer


def test_a_cpu_level_above_the_releases_own_is_a_condition():
    """A release whose own programs need as much runs on no lesser CPU."""
    wanted = program(x86_isa_needed="x86-64-v2", go_level="x86-64-v3")

    assert ("on CPUs from x86-64-v3 on",) == estimate(wanted, release()).conditions
    assert () == estimate(wanted, release(x86_level="x86-64-v3")).conditions


def test_a_bundle_is_its_members():
    """Its own libraries serve its programs, and who stands in the way is named."""
    app = program("libc.so.6 libown.so.1", "libown.so.1:OWN_1", inner="bin/app")
    old, new = (
        program("libc.so.6", f"libc.so.6:GLIBC_{n}", soname="libown.so.1", inner="lib/libown.so.1")
        for n in ("2.34", "2.38")
    )

    def estimated(library: Requirements) -> Any:
        bundle = Bundle(entries=(), members=(app, library))
        return estimate(binary(format="archive", elf=None, bundle=bundle), release())

    assert "starts" == estimated(old).answer
    assert ["libc.so.6 has no GLIBC_2.38, for lib/libown.so.1"] == [
        reason.text for reason in estimated(new).reasons
    ]


@pytest.mark.parametrize(
    ("wanted", "note"),
    [
        (binary(elf=None, format="script"), "a script starts where its interpreter does"),
        (binary(elf=None, format="pe", description="a PE32+ program"), "no program for Linux"),
        (binary(elf=None, bundle=Bundle(entries=(), members=())), "no Linux program"),
        (
            program(go=GoBuild(release="go1.22", path="x", settings=(("GOOS", "freebsd"),))),
            "a Go program for freebsd",
        ),
    ],
)
def test_what_is_no_program_for_linux_gets_one_line(wanted, note):
    """There is no row to fill."""
    found = outlook(wanted)

    assert note in (found.note or "")
    assert () == found.estimates


@pytest.mark.parametrize("library", ["libstdc++.so.6", "libgcc_s.so.1", "libc.so.6"])
def test_derived_versions_are_those_of_real_libraries(library):
    """What follows from gcc's and glibc's releases is what was read from Debian's own files."""
    rows = [row for row in releases() if row.measured and row.version]
    assert len(rows) == 3
    for row in rows:
        plain = Release(**PLAIN, libc_version=row.libc_version, gcc=row.gcc)
        different = set(versions_of(plain, library)) ^ set(row.nodes[library])
        assert different <= NOT_DERIVED, row.name


# glibc 2.31 has nothing of its own; internals, abilities that are not derived, and long doubles.
NOT_DERIVED = {"GLIBC_2.30", "GLIBC_2.31", "GLIBC_PRIVATE", "CXXABI_FLOAT128"}
NOT_DERIVED |= {"GLIBC_ABI_DT_X86_64_PLT", "GLIBC_ABI_GNU2_TLS", "GLIBC_ABI_GNU_TLS"}
PLAIN: dict[str, Any] = {
    "name": "x",
    "family": "x",
    "libc": "glibc",
    "machines": ("x86_64",),
    "sources": (),
}


@pytest.mark.slow
def test_estimates_do_not_promise_what_verdicts_refuse(fleet):
    """
    Fifty programs of sid, by the table and by the emulated loader in three older roots.

    Nothing "starts" that the verdict blocks for its loader, a version or a
    library; with the packages named nothing but these is missing; and what
    "does not start" is blocked.
    """
    files = sorted((fleet.root("sid") / "usr/bin").iterdir())
    analyzed = (analyze(path) for path in files[::8] if path.is_file())
    programs = [needs for needs in analyzed if needs.elf]
    assert len(programs) >= 50
    for suite, version in SUITES.items():
        target, row = Target(suite, fleet.root(suite)), release_of("debian", version)
        assert row is not None
        for needs in programs:
            verdict = target.verdict(needs, Start(install_path=f"/root/{needs.name}"))
            errors = [f for f in verdict.findings if f.severity == "error"]
            said, codes = estimate(needs, row), {f.code for f in errors}
            context = (suite, needs.name, said, errors)
            if said.answer == "starts":
                assert not codes & (OF_LIBC | {"library-missing"}), context
            elif said.answer == "needs-packages":
                assert not codes & OF_LIBC, context
                missing = [f.subject for f in errors if f.subject in needs.elf.needed]
                assert {row.libraries[name] for name in missing} <= set(said.packages), context
            elif said.answer == "does-not-start":
                assert verdict.outcome == "blocked", context
