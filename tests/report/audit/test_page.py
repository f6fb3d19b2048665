"""The audit's page, in a real Chromium."""

from __future__ import annotations

import pytest

from preflight.report.audit.page import audit_page
from tests.report.audit.test_audit import host, made
from tests.report.browser import AVAILABLE, chromium, requests_of, show

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AVAILABLE, reason="needs chromium and chromium-driver"),
]


def test_page_shows_groups_outliers_and_the_fleet(tmp_path):
    """Equal hosts are a row whose facts open; who stands alone is named; nothing is contacted."""
    old = [host(f"web-{number}") for number in range(1, 6)]
    found = made(*old[:4], host("web-5", libc="2.31"), host("gone"), against=old)

    with chromium() as browser:
        show(browser, "".join(audit_page(found)), tmp_path / "audit.html")
        rows = browser.find_elements("css selector", "#matrix tbody tr")
        assert len(rows) == 2
        assert "5 hosts" in rows[0].text
        notes = browser.find_element("id", "notes").text
        assert "web-5 alone has" in notes
        assert "Changed since" in notes
        assert "New\ngone" in notes
        assert "glibc 2.36 5" in browser.find_element("id", "pictures").text
        assert not browser.find_element("id", "totals").is_displayed()
        rows[1].find_element("css selector", "button").click()
        assert "2.31" in browser.find_element("id", "details-body").text
        assert browser.get_log("browser") == []
        assert all(url.startswith("file:") for url in requests_of(browser))
