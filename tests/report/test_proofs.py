"""A proof stands beside its verdict, and a disagreement cannot be overlooked."""

from __future__ import annotations

from msgspec import structs

from preflight.model.proof import Proof
from preflight.report.contract import verdict_json
from preflight.report.table import render
from preflight.report.view import View
from tests.builders.report import report, verdict

LIMITS = "a trace does not show everything"
AGREES = Proof(said=("\tlibc.so.6 => /lib/libc.so.6 (0x1)",), agrees=True, not_proven=LIMITS)
DIFFERS = Proof(
    said=("\tlibz.so.1 => not found",),
    agrees=False,
    differences=("said, but not predicted: missing library libz.so.1",),
    not_proven=LIMITS,
)


def _table(*proofs):
    verdicts = [
        structs.replace(verdict(f"web-{number}"), proof=proof)
        for number, proof in enumerate(proofs, 1)
    ]
    return "".join(render(report(verdicts), View(width=200)))


def test_agreement_is_one_line_and_limits_another():
    """Many hosts whose loaders agree are told together, with what that does not prove."""
    lines = _table(AGREES, AGREES).splitlines()

    assert "proven: the hosts' own loaders agree about app on web-[1-2]" in lines
    assert LIMITS in lines


def test_disagreement_says_what_to_report():
    """A disagreement is loud: the difference, the loader's words, and what to send."""
    text = _table(AGREES, DIFFERS)

    assert "PREDICTION AND FACT DISAGREE: app on web-2" in text
    assert DIFFERS.differences[0] in text
    assert "libz.so.1 => not found" in text
    assert "please report this" in text
    assert "--limit web-2 --save facts.jsonl" in text


def test_refusal_has_its_reason():
    """Hosts on which nothing could be proven are told with the reason."""
    text = _table(Proof(refused="/opt is full"), Proof(refused="/opt is full"))

    assert "not proven: app on web-[1-2]: /opt is full" in text


def test_what_stays_on_a_host_is_told():
    """A copy that could not be removed is named with its host."""
    assert "LEFT BEHIND on web-1: /tmp/x" in _table(Proof(refused="broke off", left="/tmp/x"))


def test_json_has_a_proof_where_one_was_asked_for():
    """The key is there with --prove alone, and holds all of it."""
    plain = verdict("a")

    assert "proof" not in verdict_json(plain, explain=False)
    value = verdict_json(structs.replace(plain, proof=DIFFERS), explain=False)["proof"]
    assert list(value) == ["said", "agrees", "differences", "not_proven", "refused", "left"]
    assert (value["agrees"], value["left"]) == (False, None)
