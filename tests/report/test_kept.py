"""What a run keeps of each host is small, and says the same."""

from __future__ import annotations

import tracemalloc

from preflight.model.question import Absent, Stat
from preflight.report import FORMATS, View
from preflight.report.elements import Elements
from preflight.report.kept import Kept
from tests.builders.report import facts, finding, host, missing_library, report, verdict


def test_kept_report_renders_alike():
    """No format misses what is not kept: answers, mounts, and libraries unless asked for."""
    full = host("a", facts=facts(mounts=(), clock_s=7, uid=0), answers={Stat("/x"): Absent("E")})
    found = verdict("a", finding(), libraries=(missing_library(),))
    for libraries in (False, True):
        kept = Kept(libraries=libraries)
        small = report([kept.verdict(found)], hosts=[kept.snapshot(full)])
        view = View(explain=libraries)
        for render in FORMATS.values():
            assert [*render(report([found], hosts=[full]), view)] == [*render(small, view)]
        assert not small.hosts[0].answers


def test_ten_thousand_hosts_of_one_image_take_little_memory():
    """A host that is done costs its name and what is its own: under 1.5 kB."""
    kept, count = Kept(libraries=False), 10_000

    def one(number: int):
        name = f"web-{number}.example.com"
        # As they come from hosts: equal, and not the same.
        snapshot = host(name, facts=facts(clock_s=number, cpu_flags=("sse2",) * 50))
        found = verdict(
            name, finding(message=f"{name[:3]} lacks it"), predicted_error=f"e{name[0]}"
        )
        return kept.snapshot(snapshot), kept.verdict(found)

    tracemalloc.start()
    try:
        done = [one(number) for number in range(count)]
        size_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert len(done) == count
    assert size_bytes / count < 1500


def test_common_parts_are_encoded_once():
    """Hosts with the same facts and findings differ in the text by their own parts alone."""
    kept = Kept(libraries=False)
    elements = Elements(explain=False)
    for number in range(3000):
        elements.host(kept.snapshot(host(f"h{number}", facts=facts(clock_s=number))))
        elements.verdict(kept.verdict(verdict(f"h{number}", finding())))

    assert 2 == len(elements._texts)


def test_encoded_parts_have_a_limit():
    """Hosts that are all different do not fill the memory with their texts."""
    elements = Elements(explain=False)
    for number in range(3000):
        elements.host(host(f"h{number}", facts=facts(kernel=f"6.{number}")))

    assert len(elements._texts) <= 1024
