"""The page, in a real Chromium."""

from __future__ import annotations

import pytest

from preflight.report import FORMATS, View
from tests.builders.report import (
    binary,
    facts,
    finding,
    host,
    lost_host,
    missing_library,
    not_probed,
    report,
    verdict,
)
from tests.report.browser import AVAILABLE, chromium, requests_of, show
from tests.report.test_hostile_text import HOSTILE, poisoned_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AVAILABLE, reason="needs chromium and chromium-driver"),
]
MARKUP = "</script><img src=http://example.org/x onerror=alert(1)><script>alert(1)</script><!--"


def page(given, **wishes) -> str:
    """Return the page of a report."""
    return "".join(FORMATS["html"](given, View(**wishes)))


def fleet():
    """Return three web servers that are well, an old one, and one that was lost."""
    bad = verdict("db-1", finding(), predicted_error="./app: error while loading shared libraries")
    return report(
        [
            *(verdict(f"web-{number}") for number in (1, 2, 3)),
            bad,
            verdict("lost", not_probed()),
            *(verdict(name, number=2) for name in ("web-1", "web-2", "web-3", "db-1")),
            verdict("lost", not_probed(), number=2),
        ],
        binaries=[binary(), binary("tool", 2)],
        hosts=[
            *map(host, ("web-1", "web-2", "web-3")),
            host("db-1", facts=facts(os="Debian GNU/Linux 11 (bullseye)")),
            lost_host("lost"),
        ],
    )


@pytest.fixture(scope="module")
def browser():
    """One browser for all tests here."""
    with chromium() as started:
        yield started


@pytest.fixture
def shown(browser, tmp_path):
    """A function that shows a report; afterwards nothing was complained of or asked for."""

    def shown(given, **wishes):
        requests_of(browser)
        show(browser, page(given, **wishes), tmp_path / "page.html")
        return browser

    yield shown
    assert browser.get_log("browser") == []
    assert [url for url in requests_of(browser) if not url.startswith("file:")] == []


def rows(browser) -> list[str]:
    """Return the texts of the matrix's rows."""
    return [row.text for row in browser.find_elements("css selector", "#matrix tbody tr")]


def names(browser) -> list[str]:
    """Return what the rows of the matrix are called."""
    found = browser.find_elements("css selector", "#matrix tbody .name")
    return [name.text for name in found]


def click(browser, label: str) -> None:
    """Click on the button that a screen reader calls *label*."""
    browser.find_element("css selector", f'button[aria-label="{label}"]').click()


def test_matrix_has_the_worst_first(shown):
    """Equal hosts are one row; totals count verdicts."""
    browser = shown(fleet())

    assert names(browser) == ["db-1", "lost", "web-[1-3]"]
    assert "✗ blocked" in rows(browser)[0]
    assert "connection-refused: 192.0.2.1 port 22" in rows(browser)[1]
    totals = browser.find_element("id", "totals").text.split("\n")
    assert totals[:4] == ["1", "✗ blocked", "2", "? unknown"]
    assert browser.find_element("id", "shown").text == "5 hosts in 3 groups"


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("web-2", ["web-2"]),
        ("WEB", ["web-[1-3]"]),
        ("bullseye", []),
        ("debian 11", ["db-1"]),
        ("libssl", ["db-1"]),
        ("debian 12 web-3", ["web-3"]),
        ("refused", ["lost"]),
    ],
)
def test_search_finds_hosts_systems_and_findings(shown, words, left):
    """Every word must be found, in the host's name or in what is said of it."""
    browser = shown(fleet())

    browser.find_element("id", "search").send_keys(words)

    assert names(browser) == left


def test_filter_hides_what_is_well(shown):
    """Only what is wrong is left when deployable is switched off."""
    browser = shown(report([verdict("a"), verdict("b", finding())]))

    browser.find_element("css selector", "[value=deployable]").click()

    assert names(browser) == ["b"]


def test_finding_opens_with_evidence_and_remedy(shown):
    """A click on a result tells all of it, and Escape closes it."""
    browser = shown(fleet())

    click(browser, "blocked: app on db-1")

    text = browser.find_element("id", "details").text
    assert "app on db-1" in text
    assert "./app: " in text
    assert "libssl.so.3 was not found" in text
    assert "/lib/x86_64-linux-gnu: no such file" in text
    assert "install libssl3" in text
    assert "The host would say: ./app: error while loading shared libraries" in text
    browser.find_element("tag name", "body").send_keys("\ue00c")  # Escape
    assert not browser.find_element("id", "details").is_displayed()


def test_libraries_are_told_where_they_were_asked_for(shown):
    """With --explain the details hold the library tree."""
    given = report([verdict("a", finding(), libraries=(missing_library(),))])

    browser = shown(given, explain=True)
    click(browser, "blocked: app on a")

    assert "libssl.so.3 not found" in browser.find_element("id", "details").text


def test_fleet_is_a_picture(shown):
    """Releases, C libraries, machines and CPU levels are counted."""
    browser = shown(fleet())

    pictures = browser.find_element("id", "pictures").text
    assert "Release\nDebian GNU/Linux 12 (bookworm) 3" in pictures
    assert "CPU level\nx86-64-v3 4" in pictures


@pytest.mark.parametrize("text", [MARKUP, "<b>x</b>", "&lt;", *HOSTILE])
def test_text_of_hosts_stays_text(shown, text):
    """No markup, script or control of a host or binary reaches the page as such."""
    browser = shown(poisoned_report(text))

    assert browser.find_elements("css selector", "img, b:not(#totals b), i, script[src]") == []
    assert rows(browser)


def test_page_is_readable_on_a_phone(tmp_path):
    """On a narrow screen nothing is wider than the screen."""
    with chromium(width=380, height=800) as browser:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 380, "height": 800, "deviceScaleFactor": 2, "mobile": True},
        )
        show(browser, page(fleet()), tmp_path / "page.html")
        widths = browser.execute_script(
            "return [document.documentElement.scrollWidth, window.innerWidth]"
        )

    assert widths[0] <= widths[1]


def test_keyboard_reaches_everything(shown):
    """A slash goes to the search; results are buttons, which Enter opens."""
    browser = shown(fleet())
    body = browser.find_element("tag name", "body")

    body.send_keys("/")
    assert browser.switch_to.active_element.get_attribute("id") == "search"
    browser.switch_to.active_element.send_keys("db-1")
    button = browser.find_element("css selector", "#matrix td button")
    button.send_keys("\n")

    assert browser.find_element("id", "details").is_displayed()
    assert browser.switch_to.active_element.get_attribute("aria-label") == "Close"


def test_empty_report_is_a_page_too(shown):
    """A run that was ended before its first host shows that."""
    browser = shown(report([], hosts=[]))

    assert browser.find_element("id", "shown").text == "0 hosts in 0 groups"
