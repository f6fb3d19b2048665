"""Which release a host's os-release names, and what the table may say of it."""

from __future__ import annotations

import datetime as dt

import pytest

from docs.make_releases import PAGE, ROLLING, SUITES, measured, with_table
from preflight.model.releases import Release, release_of, releases, stem


def test_a_host_finds_its_release_by_os_release():
    """ID and VERSION_ID are enough."""
    release = release_of("ubuntu", "22.04")

    assert release is not None
    assert ("Ubuntu 22.04", "2.35") == (release.name, release.libc_version)
    assert dt.date(2027, 6, 1) == release.end_of_support


def test_a_point_release_is_its_release():
    """VERSION_ID of RHEL and Alpine has the point release in it."""
    assert release_of("rhel", "9.4") == release_of("rhel", "9")
    assert "Alpine 3.20" == getattr(release_of("alpine", "3.20.3"), "name", None)
    assert release_of("alpine", "3.2") is None


def test_a_twin_has_its_own_end_of_support():
    """Rocky and CentOS Stream are built from one source, and end on different days."""
    rocky, stream = release_of("rocky", "9.4"), release_of("centos", "9")

    assert rocky is not None
    assert stream is not None
    assert (rocky.libc_version, rocky.name) == (stream.libc_version, "Rocky Linux 9")
    assert dt.date(2032, 5, 31) == rocky.end_of_support
    assert dt.date(2027, 5, 31) == stream.end_of_support


@pytest.mark.parametrize(("id_", "version"), [("arch", None), ("opensuse-tumbleweed", "20261101")])
def test_a_rolling_release_has_one_row(id_, version):
    """Whatever it says of its version."""
    release = release_of(id_, version)

    assert release is not None
    assert release.version is None
    assert "libc" in release.grows


@pytest.mark.parametrize(
    ("id_", "version"), [(None, None), ("debian", "99"), ("ubuntu", "22.10"), ("haiku", "1")]
)
def test_who_is_not_in_the_table_is_not_guessed(id_, version):
    """The nearest release is another one."""
    assert release_of(id_, version) is None


def test_every_row_names_its_sources():
    """A row is measured, or cites at least one address."""
    for release in releases():
        assert release.sources
        assert all(one == "measured" or one.startswith("https://") for one in release.sources)


def test_rows_do_not_contradict_themselves():
    """A library is not both there and absent, and what is always there has a package."""
    for release in releases():
        assert not release.libraries.keys() & set(release.absent), release.name
        assert release.libraries.keys() >= set(release.always), release.name


def test_no_two_rows_are_one_release():
    """ID and VERSION_ID tell rows and their twins apart."""
    names = [(r.id, r.version) for r in releases() if r.id]
    names += [(twin.id, twin.version) for r in releases() for twin in r.twins]

    assert len(names) == len(set(names))


def test_absence_is_known_only_where_somebody_looked():
    """Of a stem that was surveyed every soname is listed; of others silence says nothing."""
    release = Release(
        name="x",
        family="x",
        machines=(),
        sources=("measured",),
        libraries={"libssl.so.3": "libssl3"},
        surveyed=("libssl",),
    )

    assert release.lacks("libssl.so.1.1")
    assert not release.lacks("libssl.so.3")
    assert not release.lacks("libfoo.so.1")


def test_the_stem_has_no_version():
    """Python's libraries carry theirs before the suffix."""
    sonames = ("libpython3.11.so.1.0", "libssl.so.1.1", "libdbus-1.so.3")

    assert ["libpython", "libssl", "libdbus"] == [stem(soname) for soname in sonames]


def test_the_page_shows_the_table():
    """``python -m docs.make_releases`` writes it."""
    page = PAGE.read_text("utf-8")

    assert page == with_table(page)


@pytest.mark.parametrize("suite", SUITES)
def test_debians_rows_are_what_its_real_roots_have(fleet, suite):
    """
    The table is read from the real libraries, and is regenerated where they change.

    A root has some of the packages of a release: of the others the mirror's index told.
    """
    root = fleet.root(suite)
    version = None if suite == ROLLING else root.joinpath("etc/debian_version").read_text()
    row = release_of("debian", version and version.partition(".")[0])
    found = measured(root)

    assert row is not None
    libraries, nodes = found.pop("libraries"), found.pop("nodes")
    assert found == {
        "libc_version": row.libc_version,
        "gcc": row.gcc,
        "always": sorted(row.always),
    }, "python -m docs.make_releases"
    assert libraries.items() <= row.libraries.items()
    assert {name: tuple(versions) for name, versions in nodes.items()} == row.nodes
