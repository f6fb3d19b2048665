"""Writes docs/findings.md from the table of codes: python -m docs.make_findings."""

from __future__ import annotations

from pathlib import Path

from preflight.model.codes import CODES

PAGE = Path(__file__).with_name("findings.md")

_HEAD = """# Findings

Every finding has a stable code. `preflight explain CODE` prints the same text.
This page is written from the program's own table by `make docs`.

| code | what it says |
| --- | --- |
"""


def findings_page() -> str:
    """Return the page: a table of all codes, then one section each."""
    rows = "".join(f"| [{name}](#{name}) | {page.title} |\n" for name, page in CODES.items())
    sections = (
        f"\n## {name}\n\n{page.title}.\n\n{page.cause}\n\n"
        f"What you would see on the host:\n\n    {page.says}\n\n**Remedy.** {page.remedy}\n"
        for name, page in CODES.items()
    )
    return _HEAD + rows + "".join(sections)


if __name__ == "__main__":
    PAGE.write_text(findings_page(), "utf-8")
