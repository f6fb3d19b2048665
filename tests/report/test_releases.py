"""An estimate is shown as one, and briefly."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from preflight.model.estimate import Estimate, Outlook, Reason
from preflight.model.releases import Release
from preflight.report import View
from preflight.report.inspect import inspect_json
from preflight.report.releases import releases_table
from preflight.report.schema import report_schema
from tests.builders.report import binary


def estimate(name: str, answer: Any = "starts", family: str = "Test", **fields: Any) -> Estimate:
    """Return what is said of one release."""
    release = Release(name=name, family=family, machines=(), sources=("measured",))
    return Estimate(release, answer, **fields)


def table(*estimates: Estimate, view: View = View(width=100)) -> str:  # noqa: B008 - it is frozen
    """Return the table of one program."""
    return "".join(releases_table([Outlook("b1", "./app", None, estimates)], view))


def test_it_is_called_an_estimate_and_says_where_a_verdict_comes_from():
    """The first line and the last one: nobody reads only one of them."""
    lines = table(estimate("Test 1")).splitlines()

    assert "./app, by a table of releases: an estimate, no verdict" == lines[0]
    assert "a verdict for your hosts: preflight check -i INVENTORY" == lines[-1]


def test_neighbours_with_the_same_answer_stand_in_one_row():
    """What each has instead stands once; another family is another row."""
    old = [
        estimate(f"Test {n} (x)", "does-not-start", reasons=(Reason("no GLIBC_2.38", has),))
        for n, has in ((1, "GLIBC_2.31"), (2, "GLIBC_2.36"), (3, "GLIBC_2.36"))
    ]

    text = table(*old, estimate("Test 4"), estimate("Other 1", family="Other"))

    assert [" ".join(line.split()) for line in text.splitlines()[1:5]] == [
        "releases answer because",
        "Test 1, 2, 3 does not start no GLIBC_2.38 (has GLIBC_2.31, GLIBC_2.36)",
        "Test 4 starts",
        "Other 1 starts",
    ]


def test_a_name_loses_only_the_words_that_the_first_begins_with():
    """Service packs of two releases, and a relative of another name."""
    names = ("SLES 12 SP5", "SLES 15 SP6", "openSUSE Tumbleweed")

    assert "  SLES 12 SP5, 15 SP6, openSUSE Tumbleweed  " in table(*map(estimate, names))


def test_packages_and_conditions_stand_behind_the_answer():
    """Long lists are cut unless all is wanted."""
    packages = tuple(f"lib{n}" for n in range(9))
    one = estimate(
        "Test 1", "needs-packages", packages=packages, conditions=("on CPUs from v3 on",)
    )

    assert "lib0, lib1, lib2, lib3, lib4, lib5, 3 more; on CPUs from v3 on" in table(one)
    assert "lib8; on CPUs from v3 on" in table(one, view=View(width=150, verbosity=1))


def test_what_cannot_be_estimated_is_one_line():
    """No empty table, and no hint for it."""
    outlooks = [Outlook("b1", "./run.sh", "a script starts where its interpreter does")]

    text = "".join(releases_table(outlooks, View()))

    assert "./run.sh: a script starts where its interpreter does\n" == text


def test_hostile_names_are_escaped():
    """A soname with an escape sequence does nothing to the terminal."""
    one = estimate("Test 1", "unknown", reasons=(Reason("lib\x1b[31m.so.1 is not in the table"),))

    assert "\x1b" not in table(one)


def test_json_fits_the_schema():
    """`releases` is there only where it was asked for."""
    one = estimate("Test 1", "does-not-start", reasons=(Reason("no libx.so.1", "libx.so.2"),))
    outlooks = [Outlook("b1", "./app", None, (one,)), Outlook("b2", "./run.sh", "a script")]

    document = json.loads("".join(inspect_json([binary()], outlooks)))

    schema = report_schema()
    form = {"$defs": schema["$defs"], **schema["properties"]["releases"]}
    Draft202012Validator(form).validate(document["releases"])
    assert "releases" not in json.loads("".join(inspect_json([binary()])))
    assert ["estimate"] * 2 == [one["certainty"] for one in document["releases"]]
    assert {"text": "no libx.so.1", "has": "libx.so.2"} == (
        document["releases"][0]["estimates"][0]["reasons"][0]
    )
