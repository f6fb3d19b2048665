"""
Takes docs/page.png and page-details.png from a page of ``--format html``, in headless Chromium.

    preflight check … --format html=fleet.html && python -m docs.make_pictures fleet.html
"""

from __future__ import annotations

import sys
from pathlib import Path

from selenium.webdriver import Chrome

from tests.report.browser import chromium

HERE = Path(__file__).parent


def main() -> None:
    """Write the pictures."""
    page = Path(sys.argv[1]).absolute().as_uri()
    with chromium(width=1100, height=900) as browser:
        browser.get(page)
        _whole(browser, HERE / "page.png")
        browser.find_element("css selector", "#matrix td button.blocked").click()
        browser.save_screenshot(str(HERE / "page-details.png"))


def _whole(browser: Chrome, file: Path) -> None:
    height = browser.execute_script("return document.documentElement.scrollHeight")
    browser.set_window_size(1100, height + 160)
    browser.save_screenshot(str(file))
    browser.set_window_size(1100, 900)


if __name__ == "__main__":
    main()
