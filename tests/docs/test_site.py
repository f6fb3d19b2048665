"""The manual as a site: whole, linked, and nothing fetched from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from preflight.model.codes import CODES
from tests.docs.blocks import DOCS, PROJECT

pytestmark = pytest.mark.slow

# Of an element: what a browser fetches by itself when it shows the page.
FETCHED = {
    ("link", "href"),
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
}


class Links(HTMLParser):
    """The addresses of a page, and the places in it that one can go to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.linked: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif (tag, name) in FETCHED and value:
                self.fetched.append(value)
            elif (tag, name) == ("a", "href") and value:
                self.linked.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site as `make docs` builds it."""
    target = tmp_path_factory.mktemp("site")
    config = ["--strict", "-f", str(DOCS / "site/mkdocs.yml"), "-d", str(target)]
    command = [sys.executable, "-m", "mkdocs", "build", *config]
    done = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=120
    )
    assert 0 == done.returncode, done.stderr
    return target


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    """The links of every page."""
    return {path: Links(path) for path in sorted(site.rglob("*.html"))}


def test_every_finding_has_its_page(site: Path):
    """It says what `preflight explain` says, and the list leads to it."""
    listed = Links(site / "findings.html").linked

    for name, page in CODES.items():
        text = (site / f"findings/{name}.html").read_text("utf-8")
        assert f'<h1 id="{name}">' in text
        assert page.title.split()[0] in text
        assert f"findings/{name}.html" in listed


def test_every_page_of_the_repository_is_in_it(site: Path):
    """README is the first page, and nothing of docs/ is left out."""
    names = {path.stem for path in DOCS.glob("*.md")} | {"index", "CONTRIBUTING", "CHANGELOG"}

    assert set() == names - {path.stem for path in site.glob("*.html")}
    assert "Will this binary start on every host" in (site / "index.html").read_text("utf-8")


def test_no_link_is_broken(site: Path, pages: dict[Path, Links]):
    """Every address within the site leads to a file, and to a place that it has."""
    assert [] == sorted(set(_broken(site, pages)))


def test_nothing_is_fetched_from_elsewhere(site: Path, pages: dict[Path, Links]):
    """Neither page nor style sheet asks another server for a font, a script or a picture."""
    foreign = [url for links in pages.values() for url in links.fetched if urlsplit(url).netloc]
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    imported = [url for url in re.findall(r"url\(['\"]?([^)'\"]+)", styles) if urlsplit(url).netloc]

    assert ([], []) == (foreign, imported)


def test_lists_and_tables_are_such(pages: dict[Path, Links]):
    """What GitHub shows as a list or a table is none of a paragraph's lines here."""
    paragraphs = re.compile(r"<p>(?:(?!</p>).)*\n(?:- |\d\. |\|)(?:(?!</p>).)*</p>", re.DOTALL)

    assert {} == {
        path.name: found for path in pages if (found := paragraphs.findall(path.read_text("utf-8")))
    }


def _broken(site: Path, pages: dict[Path, Links]) -> Iterator[str]:
    for path, links in pages.items():
        for url in links.linked + links.fetched:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc or path.name == "404.html":
                continue
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            target = target / "index.html" if target.is_dir() else target
            known = pages[target].anchors if target in pages else {"", parts.fragment}
            if not target.is_file() or unquote(parts.fragment) not in known:
                yield f"{path.relative_to(site)}: {url}"
