"""One document, indented."""

from __future__ import annotations

import json

from preflight.report import FORMATS, View
from preflight.report.contract import binary_json, host_json, verdict_json
from preflight.report.json import render
from tests.builders.report import finding, report, verdict


def test_document_has_the_keys_of_the_contract_in_its_order():
    """What json.loads reads is what the contract says."""
    given = report([verdict("a"), verdict("b", finding())])

    document = json.loads("".join(render(given, View())))

    keys = "schema version started_at elapsed_s binaries hosts verdicts what_if summary"
    assert keys.split() == list(document)
    assert document["schema"] == "preflight.report/1"
    assert document["elapsed_s"] == 1.94
    assert [binary_json(needs) for needs in given.binaries] == document["binaries"]
    assert [host_json(host) for host in given.hosts] == document["hosts"]
    assert [verdict_json(v, explain=False) for v in given.verdicts] == document["verdicts"]
    assert document["summary"] == {"deployable": 1, "blocked": 1, "unknown": 0}


def test_document_is_indented_by_two_spaces():
    """The document looks as json.dumps(…, indent=2) would write it."""
    text = "".join(FORMATS["json"](report([verdict("a", finding())]), View()))

    assert json.dumps(json.loads(text), indent=2) + "\n" == text


def test_report_of_nothing_is_a_document():
    """A run that was interrupted before the first host still ends in valid JSON."""
    nothing = report([])

    document = json.loads("".join(render(nothing, View())))

    assert (document["hosts"], document["verdicts"]) == ([], [])


def test_document_comes_in_pieces():
    """A fleet's report is not held as one string."""
    many = report([verdict(f"web-{i}") for i in range(100)])

    assert max(map(len, render(many, View()))) < 2000
