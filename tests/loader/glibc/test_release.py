"""What changed from release to release."""

from __future__ import annotations

import pytest

from preflight.loader.glibc.release import inconsistency, parse_release, rules_of


@pytest.mark.parametrize(
    ("text", "release"),
    [("2.36", (2, 36)), ("2.40.9000", (2, 40)), ("2.17-326", (2, 17)), ("x", None), (None, None)],
)
def test_release_is_read_from_text(text, release):
    """The first two numbers are the release."""
    assert release == parse_release(text)


@pytest.mark.parametrize(
    ("field", "last_without", "first_with"),
    [
        ("hwcaps_subdirs", (2, 32), (2, 33)),
        ("checks_isa", (2, 32), (2, 33)),
        ("checks_relr", (2, 35), (2, 36)),
        ("bare_definitions", (2, 40), (2, 41)),
        ("x86_platform", (2, 25), (2, 26)),
    ],
)
def test_rule_holds_from_its_release_on(field, last_without, first_with):
    """A rule is off up to one release and on from the next."""
    assert not getattr(rules_of(last_without), field)
    assert getattr(rules_of(first_with), field)


@pytest.mark.parametrize(
    ("field", "last_with", "first_without"),
    [
        ("legacy_subdirs", (2, 36), (2, 37)),
        ("skips_abi_tag", (2, 35), (2, 36)),
        ("old_kernel_fatal", (2, 35), (2, 36)),
        ("strict_version_file", (2, 29), (2, 30)),
    ],
)
def test_rule_holds_up_to_its_release(field, last_with, first_without):
    """A rule that was dropped is on before and off after."""
    assert getattr(rules_of(last_with), field)
    assert not getattr(rules_of(first_without), field)


def test_assertion_is_told_with_its_line_number():
    """A failed assertion names file, line and function."""
    line = inconsistency((2, 36), "dl-version.c", "_dl_check_map_versions", "needed != NULL")

    assert line == (
        "Inconsistency detected by ld.so: dl-version.c: 204: _dl_check_map_versions: "
        "Assertion `needed != NULL' failed!"
    )


def test_assertion_of_an_unknown_release_has_no_line():
    """Where the line number is not known, nothing is made up."""
    assert inconsistency((2, 28), "dl-version.c", "f", "x") is None
