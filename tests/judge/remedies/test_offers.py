"""What the package manager knows becomes what to type, and nothing that it does not know."""

from __future__ import annotations

import pytest
from msgspec import structs

from preflight.judge import judge
from preflight.judge.remedies import offers
from preflight.judge.remedies.releases import has_node
from preflight.model.question import Failed, Offer, Offers, Package
from preflight.model.start import Start
from preflight.model.verdict import Remedy
from tests.builders import host as h

SSL = Package("libssl.so.3")
LIBC = Package("libc.so.6", 64, "GLIBC_2.38", "/lib/libc.so.6")


def told(question: Package, *packages: Offer, manager: str = "apt-get", **fields) -> list[Remedy]:
    """Return the remedies that *packages* make."""
    return [*offers.remedies(question, Offers(manager, packages, **fields))]


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", "apt-get install libssl3"),
        ("dnf", "dnf install libssl3"),
        ("microdnf", "microdnf install libssl3"),
        ("zypper", "zypper install libssl3"),
        ("apk", "apk add libssl3"),
    ],
)
def test_package_that_has_it_is_typed(manager, command):
    """By the manager's own word it mends the finding, and each manager has its own command."""
    (found,) = told(SSL, Offer("libssl3", "provides", "index", None, "3.0"), manager=manager)

    assert (found.command, found.certainty, found.satisfies) == (command, "stated", True)
    assert (found.package, found.candidate, found.source) == ("libssl3", "3.0", "index")


def test_right_name_is_no_knowledge():
    """A package that is called as the rule has it is in the lists; what it has, nobody said."""
    (found,) = told(SSL, Offer("libssl3", "named", "apt lists", None, "3.0"), exact=False)

    assert (found.certainty, found.satisfies) == ("naming-rule", None)
    assert found.text == (
        "libssl.so.3 may be in libssl3 (candidate 3.0): it is in the host's apt lists,"
        " which do not tell what a package has; a naming rule says so"
    )


def test_package_that_is_sure_hides_one_that_is_guessed():
    """What is known makes a guess worthless."""
    sure = Offer("libssl3", "provides", "apt contents", None, "3.0")
    guess = Offer("libssl3t64", "named", "apt lists", None, "3.0")

    assert [one.package for one in told(SSL, sure, guess)] == ["libssl3"]


def test_nowhere_is_said_only_by_an_index_that_would_know():
    """That no package has it is a fact of an exact index, and a doubt of a list of names."""
    (exact,) = told(SSL, manager="dnf")
    (names,) = told(SSL, exact=False)

    assert (exact.certainty, exact.satisfies, exact.command) == ("stated", False, None)
    assert (names.certainty, names.satisfies, names.command) == ("naming-rule", None, None)
    assert told(SSL, read=False, reason="no lists") == []


@pytest.mark.parametrize("name", ["-oDebug=1", "x;id", "$(id)", "a b", ""])
def test_host_makes_nobody_type_what_is_no_package(name):
    """A host may lie; its words become no option and no command."""
    remedies = told(SSL, Offer(name, "provides", "dnf cache", None, "3.0"), manager="dnf")

    assert [one.command for one in remedies] == [None]


@pytest.mark.parametrize(
    ("candidate", "satisfies", "command"),
    [
        ("2.36-9+deb12u14", False, None),
        ("2.38-1", True, "apt-get install --only-upgrade libc6"),
        ("2.41-12", True, "apt-get install --only-upgrade libc6"),
    ],
)
def test_upgrade_is_advised_where_the_candidate_has_the_version(candidate, satisfies, command):
    """The candidate's release tells; one that is too old is called so."""
    installed = "2.36-9+deb12u14"

    (found,) = told(LIBC, Offer("libc6", "owns", "dpkg", installed, candidate), exact=False)

    assert (found.satisfies, found.command) == (satisfies, command)
    assert (found.installed, found.candidate) == (installed, candidate)
    assert ("would not satisfy GLIBC_2.38" in found.text) == (satisfies is False)


def test_rpm_index_is_exact_about_versions():
    """A version that no package in the index provides is in no candidate."""
    owner = Offer("glibc", "owns", "rpm database", "2.34-100", "2.34-125")

    (known,) = told(LIBC, owner, manager="dnf")
    (unread,) = told(LIBC, structs.replace(owner, candidate=None), manager="dnf", read=False)
    (better,) = told(LIBC, structs.replace(owner, relation="provides"), manager="dnf")

    assert (known.satisfies, unread.satisfies, better.satisfies) == (False, None, True)
    assert better.command == "dnf upgrade glibc"


def test_version_of_an_unknown_policy_cannot_be_told():
    """A node that is named by no known rule leaves it open; the command is a try."""
    question = Package("libx.so.1", 64, "LIBX_7", "/lib/libx.so.1")

    (found,) = told(question, Offer("libx1", "owns", "dpkg", "1.0-1", "1.1-1"), exact=False)

    assert (found.satisfies, found.certainty) == (None, "naming-rule")


@pytest.mark.parametrize(
    ("version", "node", "has"),
    [
        ("2.36-9", "GLIBC_2.4", True),
        ("2.4-1", "GLIBC_2.36", False),
        ("2.35-1", "GLIBC_ABI_DT_RELR", False),
        ("12.2.0-14", "GLIBCXX_3.4.30", True),
        ("12.2.0-14", "GLIBCXX_3.4.31", False),
        ("13.1.0-1", "GLIBCXX_3.4.32", False),
        ("12.2.0-14", "CXXABI_1.3.14", False),
        ("12.2.0-14", "GCC_12.0.0", True),
        ("3.0.17-1~deb12u2", "OPENSSL_3.2.0", False),
        ("1:3.2.2-6.el9", "OPENSSL_3.2.0", True),
        ("2.36-9", "GLIBC_PRIVATE", None),
        ("odd", "GLIBC_2.4", None),
        ("12.2.0", "GLIBCXX_3.4.99", None),
    ],
)
def test_release_tells_the_version_node(version, node, has):
    """Numbers are compared as numbers; what no policy tells is not known."""
    assert has == has_node(version, node)


def test_asking_changes_remedies_alone():
    """Whatever the package manager says, verdict, findings and questions stay as they were."""
    needs, bare = h.requirements(h.program("libssl.so.3")), h.snapshot(facts={"os_id": "debian"})
    before = judge(needs, Start(), bare)
    (question,) = before.packages
    offer = Offer("libssl3", "provides", "apt contents", None, "3.0")

    for answer in (Offers("apt-get", (offer,)), Offers("apt-get"), Failed("no")):
        bare.answers[question] = answer
        after = judge(needs, Start(), bare)

        assert after.packages == ()
        assert after.questions == before.questions
        assert [structs.replace(f, remedies=()) for f in after.verdict.findings] == [
            structs.replace(f, remedies=()) for f in before.verdict.findings
        ]
        assert after.verdict.outcome == before.verdict.outcome


def test_host_that_cannot_tell_leaves_the_rule_with_the_reason():
    """The naming rule serves, and says why nobody knows better."""
    needs, bare = h.requirements(h.program("libssl.so.3")), h.snapshot(facts={"os_id": "debian"})
    (question,) = judge(needs, Start(), bare).packages
    bare.answers[question] = Offers("apt-get", read=False, exact=False, reason="apt has no lists")

    found = judge(needs, Start(), bare).verdict.findings[0].remedies[0]

    assert (found.command, found.certainty) == ("apt-get install libssl3", "naming-rule")
    assert found.text.endswith("the package manager cannot tell offline: apt has no lists")


def test_deployable_host_is_asked_nothing():
    """Where nothing is missing there is no question of packages."""
    judgement = judge(h.requirements(h.program()), Start(), h.snapshot(h.files({})))

    assert judgement.verdict.outcome == "deployable"
    assert judgement.packages == ()
