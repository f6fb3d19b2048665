"""
What mkdocs does not find in docs/: the first page, one for each finding, and linked files.

The pages are written to be read in the repository, where findings.md has all
findings; links out of docs/ lead to copies in the site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.make_findings import finding_page, findings_table
from preflight.model.codes import CODES

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
PAGES = {
    "index.md": "README.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
}
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)(#[\w-]+)?(?=\))")
_COPIES = "files"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages that the navigation does not name under "More"."""
    named = set(_named(config.nav))
    rest = [page.name for page in sorted(DOCS.glob("*.md")) if page.name not in named]
    if rest and config.nav is not None:
        config.nav.append({"More": rest})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from elsewhere, and the files that pages link to outside of docs/."""
    pages = {uri: (PROJECT / name).read_text("utf-8") for uri, name in PAGES.items()}
    pages |= {f"findings/{name}.md": finding_page(name) for name in CODES}
    for uri, text in pages.items():
        files.append(File.generated(config, uri, content=text))
    for name in sorted(_linked_from_docs()):
        copy = File.generated(config, f"{_COPIES}/{name}", abs_src_path=str(PROJECT / name))
        files.append(copy)
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Return the text with its links as the site has them."""
    uri = page.file.src_uri
    if uri == "findings.md":
        return findings_table("findings/{}.md".format)
    home = PROJECT if uri in PAGES else DOCS
    return _LINK.sub(lambda found: _moved(home, found[1], found[2] or ""), markdown)


def _moved(home: Path, target: str, anchor: str) -> str:
    name = posixpath.normpath(posixpath.join(home.relative_to(PROJECT).as_posix(), target))
    if name == "docs/findings.md" and anchor[1:] in CODES:
        return f"findings/{anchor[1:]}.md"
    for uri, source in PAGES.items():
        if name == source:
            return uri + anchor
    if name.startswith("docs/"):
        return name.removeprefix("docs/") + anchor
    return f"{_COPIES}/{name}" + anchor


def _linked_from_docs() -> Iterator[str]:
    """Yield the files outside of docs/ that a page links to, from the project's directory."""
    sources = [*DOCS.glob("*.md"), *(PROJECT / name for name in PAGES.values())]
    found = set()
    for source in sources:
        for link in _LINK.finditer(source.read_text("utf-8")):
            path = (source.parent / link[1]).resolve()
            if path.is_file() and path.is_relative_to(PROJECT):
                found.add(path.relative_to(PROJECT).as_posix())
    yield from (
        name for name in found if name not in PAGES.values() and not name.startswith("docs/")
    )


def _named(nav: Any) -> Iterator[str]:
    """Yield the pages that a part of the navigation names."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict | list):
        for part in nav.values() if isinstance(nav, dict) else nav:
            yield from _named(part)
