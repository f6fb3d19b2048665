"""Writes docs/findings.md from the table of codes: python -m docs.make_findings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from preflight.model.codes import CODES, Code

PAGE = Path(__file__).with_name("findings.md")

_HEAD = """# Findings

Every finding has a stable code. `preflight explain CODE` prints the same text.
This page is written from the program's own table by `make docs`.

| code | what it says |
| --- | --- |
"""


def findings_page() -> str:
    """Return the page: a table of all codes, then one section each."""
    sections = (f"\n## {name}\n\n{_text(page)}" for name, page in CODES.items())
    return findings_table("#{}".format) + "".join(sections)


def findings_table(link: Callable[[str], str]) -> str:
    """Return the table of all codes, each with the *link* for it."""
    rows = (f"| [{name}]({link(name)}) | {page.title} |\n" for name, page in CODES.items())
    return _HEAD + "".join(rows)


def finding_page(name: str) -> str:
    """Return a page for one code."""
    return f"# {name}\n\n{_text(CODES[name])}\n    preflight explain {name}\n"


def _text(page: Code) -> str:
    return (
        f"{page.title}.\n\n{page.cause}\n\n"
        f"What you would see on the host:\n\n    {page.says}\n\n**Remedy.** {page.remedy}\n"
    )


if __name__ == "__main__":
    PAGE.write_text(findings_page(), "utf-8")
